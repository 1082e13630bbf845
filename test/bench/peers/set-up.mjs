// Sets up what hone is measured beside, in .cache/peers and nowhere else: npm run bench:peers [NAME ...]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildTfjs } from './tensorflow.mjs'

const FOLDER = path.resolve(import.meta.dirname, '..', '..', '..', '.cache', 'peers')
const PYTHON = path.join(FOLDER, 'python', process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
/** PyTorch's own registry has builds without CUDA, a tenth of the size of what PyPI has for Linux on x64. */
const PYTORCH_CPU = 'https://download.pytorch.org/whl/cpu'

/** Each peer: how much it takes on disk, and how it is got. */
const PEERS = {
  ipykernel: { size: '60 MB', install: () => pip('ipykernel') },
  tslab: { size: '140 MB', install: () => npm('tslab@1.0.22') },
  deno: { size: '140 MB', install: () => npm('deno@2') },
  pytorch: { size: '700 MB, or 5 GB where only PyPI is reachable', install: installPytorch },
  'tfjs-node': { size: '1.2 GB', install: () => buildTfjs(path.join(FOLDER, 'tfjs'), run) },
}

const asked = process.argv.slice(2)
const unknown = asked.find((name) => !(name in PEERS))
if (unknown) {
  console.error(`There is no peer "${unknown}": choose among ${Object.keys(PEERS).join(', ')}.`)
  process.exit(2)
}
mkdirSync(FOLDER, { recursive: true })
const missing = []
for (const name of asked.length ? asked : Object.keys(PEERS)) {
  const problem = setUp(name)
  if (problem) missing.push(name)
  console.log(problem ? `✗ ${name}: ${problem}` : `✓ ${name}`)
}
console.log(missing.length ? `\nWithout ${missing.join(', ')}; the others are ready: npm run bench -- NAME --peers` : '\nReady: npm run bench -- NAME --peers')

/** Says what went wrong, if anything did. A peer that is there already is left alone. */
function setUp(name) {
  const mark = path.join(FOLDER, `${name}.ready`)
  if (existsSync(mark)) return undefined
  console.log(`… ${name} (${PEERS[name].size})`)
  try {
    PEERS[name].install()
    writeFileSync(mark, new Date().toISOString())
    return undefined
  } catch (error) {
    return error.message
  }
}

function installPytorch() {
  python()
  const quick = spawnSync(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '0', '--timeout', '10', '--index-url', PYTORCH_CPU, 'torch'], { stdio: 'ignore' })
  if (quick.status !== 0) pip('torch')
  pip('numpy')
}

function pip(...packages) {
  python()
  run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
}

function python() {
  if (existsSync(PYTHON)) return
  const found = ['python3', 'python'].find((name) => spawnSync(name, ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']).status === 0)
  if (!found) throw new Error('it needs Python 3.10 or newer with its venv module (on Debian: apt-get install python3-venv)')
  rmSync(path.join(FOLDER, 'python'), { recursive: true, force: true })
  run(found, ['-m', 'venv', path.join(FOLDER, 'python')])
}

function npm(...packages) {
  run('npm', ['install', '--prefix', path.join(FOLDER, 'node'), '--no-audit', '--no-fund', '--loglevel=error', ...packages])
}

/** Runs a program to its end. Throws its last line where it fails. */
function run(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1e8, ...options })
  if (status === 0) return stdout
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').at(-1)
  throw new Error(`${path.basename(command)} ${args.slice(0, 3).join(' ')} failed (${error?.code ?? `exit code ${status}`}): ${said}`)
}
