// Sets up what hone is measured beside, in .cache/peers, and TensorFlow.js where `hone tfjs install` has it: npm run bench:peers [NAME ...]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const FOLDER = path.resolve(import.meta.dirname, '..', '..', '..', '.cache', 'peers')
const IN_ENVIRONMENT = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'
const PYTHON = path.join(FOLDER, 'python', IN_ENVIRONMENT)
/** PyTorch's own registry has builds without CUDA, a tenth of the size of what PyPI has for Linux on x64. */
const PYTORCH_CPU = 'https://download.pytorch.org/whl/cpu'

/** Each peer: its packages, how much they take on disk, and how they are got. */
const PEERS = {
  ipykernel: { packages: ['ipykernel'], size: '60 MB', install: pip },
  tslab: { packages: ['tslab@1.0.22'], size: '90 MB', install: npm },
  deno: { packages: ['deno@2'], size: '95 MB', install: npm },
  pytorch: { packages: ['torch', 'torchvision', 'numpy'], size: '0.8 GB, or 5.4 GB where only PyPI is reachable', install: installPytorch },
  'torch-pruning': { packages: ['torch-pruning', 'onnx', 'onnxscript'], size: '90 MB beside pytorch', install: pip },
  'onnx-tools': { packages: ['onnx', 'onnxruntime', 'onnxsim', 'onnxscript', 'nncf'], size: '600 MB', install: (...packages) => pipInto('onnx', ...packages) },
  'tfjs-node': { packages: ['@tensorflow/tfjs-node on TensorFlow'], size: '1.1 GB', install: buildTfjs },
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
  const problem = await setUp(name)
  if (problem) missing.push(name)
  console.log(problem ? `✗ ${name}: ${problem}` : `✓ ${name}`)
}
console.log(missing.length ? `\nWithout ${missing.join(', ')}; the others are ready: npm run bench -- NAME --peers` : '\nReady: npm run bench -- NAME --peers')

/** Says what went wrong, if anything did. A peer whose packages are there already is left alone. */
async function setUp(name) {
  const { packages, size, install } = PEERS[name]
  const mark = path.join(FOLDER, `${name}.ready`)
  const wanted = `${packages.join(' ')}\n`
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return undefined
  console.log(`… ${name} (${size})`)
  rmSync(mark, { force: true })
  try {
    await install(...packages)
    writeFileSync(mark, wanted)
    return undefined
  } catch (error) {
    return error.message
  }
}

function installPytorch(...packages) {
  if (!existsSync(PYTHON)) createEnvironment(path.join(FOLDER, 'python'))
  const quick = spawnSync(PYTHON, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '0', '--timeout', '10', '--index-url', PYTORCH_CPU, ...packages], { stdio: 'ignore' })
  if (quick.status !== 0) pip(...packages)
}

/** As hone tfjs install builds it, but in this folder, and linked to nothing. */
async function buildTfjs() {
  process.env.XDG_CACHE_HOME = FOLDER
  const { buildTensorflow } = await import('../../../dist/src/addons/tensorflow.js')
  await buildTensorflow('cpu')
}

function pip(...packages) {
  pipInto('python', ...packages)
}

/** Into an environment of that name. */
function pipInto(environment, ...packages) {
  const python = path.join(FOLDER, environment, IN_ENVIRONMENT)
  if (!existsSync(python)) createEnvironment(path.join(FOLDER, environment))
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
}

function createEnvironment(folder) {
  const found = ['python3', 'python'].find((name) => spawnSync(name, ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']).status === 0)
  if (!found) throw new Error('it needs Python 3.10 or newer with its venv module (on Debian: apt-get install python3-venv)')
  rmSync(folder, { recursive: true, force: true })
  run(found, ['-m', 'venv', folder])
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
