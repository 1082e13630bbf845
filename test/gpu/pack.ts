// Packs what the check needs on a machine that has an NVIDIA driver, CUDA's libraries and Python, but neither Node nor a network: npm run gpu:pack -- --help
import { createHash } from 'node:crypto'
import { cpSync, createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { packageFolder } from '../../lib/files.ts'
import { sizeText } from '../../lib/units.ts'
import { command } from '../../src/addons/command.ts'
import { runtimeFolder } from '../../src/addons/onnxruntime-cuda.ts'

const USAGE = `npm run gpu:pack -- [--out gpu-check] [--part-size MIB]

Writes OUT/ with the check, this Node, ONNX Runtime with its CUDA provider (hone gpu install), compressed, in parts of at most MIB mebibytes (40): each part is
carried there by itself, in any order, into one folder. There: python3 run.py [the options of npm run gpu:check]`

const { values: options } = parseArgs({ options: { out: { type: 'string', default: 'gpu-check' }, 'part-size': { type: 'string', default: '40' }, help: { type: 'boolean', default: false } } })

/** Joins the parts, unpacks them once, finds CUDA's libraries among Python's packages, and runs the check. */
const RUN = `import glob, hashlib, io, json, lzma, os, site, subprocess, sys, tarfile
here = os.path.dirname(os.path.abspath(__file__))
manifest = json.load(open(os.path.join(here, 'manifest.json')))
parts = [os.path.join(here, name) for name in manifest['parts']]
missing = [os.path.basename(part) for part in parts if not os.path.exists(part)]
if missing: sys.exit('run.py: these parts are not here yet: ' + ', '.join(missing))
target = os.path.join(here, 'unpacked')
class Joined(io.RawIOBase):
    def __init__(self): self.rest, self.now, self.hash = list(parts), None, hashlib.sha256()
    def readable(self): return True
    def readinto(self, buffer):
        while True:
            if self.now is None:
                if not self.rest: return 0
                self.now = open(self.rest.pop(0), 'rb')
            count = self.now.readinto(buffer)
            if count:
                self.hash.update(memoryview(buffer)[:count])
                return count
            self.now = self.now.close()
if not os.path.exists(os.path.join(target, 'complete')):
    joined = Joined()
    buffered = io.BufferedReader(joined, 1 << 20)
    try:
        with tarfile.open(fileobj=buffered, mode='r|xz') as archive: archive.extractall(target)
        while buffered.read(1 << 20): pass
    except (tarfile.TarError, lzma.LZMAError, EOFError): joined.hash.update(b'damaged')
    if joined.hash.hexdigest() != manifest['sha256']: sys.exit('run.py: the parts are damaged: carry them here again')
    open(os.path.join(target, 'complete'), 'w').close()
folders = {os.path.dirname(file) for root in [*site.getsitepackages(), site.getusersitepackages()] for file in glob.glob(os.path.join(root, 'nvidia', '*', 'lib', '*.so*')) + glob.glob(os.path.join(root, 'nvidia', '*', '*', 'lib', '*.so*'))}
environment = {**os.environ, 'LD_LIBRARY_PATH': ':'.join([*sorted(folders), os.environ.get('LD_LIBRARY_PATH', '')]).strip(':')}
sys.exit(subprocess.call([os.path.join(target, 'node'), os.path.join(target, 'check.js'), *sys.argv[1:]], env=environment))
`

/** Only what is asked for by name is looked for at run time: the check plots nothing. */
const EXTERNAL = ['onnxruntime-node', 'vega', 'vega-lite', '@resvg/resvg-js', 'esbuild', 'sharp', '@tensorflow/*', 'danfojs-node', 'zeromq', 'typescript', 'shiki', 'katex', 'sanitize-html', 'markdown-it']

/** What CommonJS packages find around them. */
const BANNER = `import { createRequire as requireFrom } from 'node:module'
const require = requireFrom(import.meta.url)
const { filename: __filename, dirname: __dirname } = import.meta`

async function pack(out: string, partSize: number): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hone-pack-'))
  try {
    await fill(folder)
    rmSync(out, { recursive: true, force: true })
    mkdirSync(out, { recursive: true })
    const archive = path.join(out, 'check.tar.xz')
    console.error('Compressing (some minutes) ...')
    await command('tar', ['--create', '--file', archive, '--use-compress-program', 'xz -3 --threads=0', '--directory', folder, '.'])
    const sha256 = await checksum(archive)
    await command('split', ['--bytes', `${partSize}MiB`, '--numeric-suffixes', '--suffix-length=2', archive, path.join(out, 'part.')])
    rmSync(archive)
    const parts = readdirSync(out).sort()
    writeFileSync(path.join(out, 'manifest.json'), JSON.stringify({ parts, sha256 }, null, 1))
    writeFileSync(path.join(out, 'run.py'), RUN)
    const bytes = parts.reduce((sum, part) => sum + statSync(path.join(out, part)).size, 0)
    console.log(`${out}: run.py, manifest.json and ${parts.length} parts, ${sizeText(bytes)}. Carry them into one folder there, then: python3 run.py`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function fill(folder: string): Promise<void> {
  const dist = path.join(packageFolder(), 'dist')
  const entries = ['test/gpu/check.js', 'test/gpu/check-model.js', 'test/gpu/tfjs-step.js', 'lib/runtime/probe.js'].map((file) => path.join(dist, file))
  const banner = { js: BANNER }
  await build({ entryPoints: entries, outdir: folder, entryNames: '[name]', bundle: true, format: 'esm', platform: 'node', target: 'node20', external: EXTERNAL, banner, logLevel: 'error' })
  cpSync(process.execPath, path.join(folder, 'node'))
  cpSync(path.join(packageFolder(), 'package.json'), path.join(folder, 'package.json'))
  const runtime = path.resolve(runtimeFolder(), '../../../..')
  for (const part of ['package.json', 'dist', path.relative(runtime, runtimeFolder())]) cpSync(path.join(runtime, part), path.join(folder, 'node_modules', 'onnxruntime-node', part), { recursive: true })
  cpSync(path.join(path.dirname(runtime), 'onnxruntime-common'), path.join(folder, 'node_modules', 'onnxruntime-common'), { recursive: true, dereference: true })
}

async function checksum(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

if (options.help) console.log(USAGE)
else {
  if (!existsSync(path.join(runtimeFolder(), 'libonnxruntime_providers_cuda.so'))) console.error('There is no CUDA provider here (hone gpu install): what is packed can check WebGPU and the CPU alone.')
  await pack(path.resolve(options.out), Number(options['part-size']))
}
