import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { packageFolder, userCache, writeWhole } from '../../lib/files.ts'
import { UsageError } from '../usage.ts'
import { answers, command } from './command.ts'
import { requireLinux, requireSpace, unpackWheels, type Wheel } from './wheels.ts'

/** On the processor, or on an NVIDIA GPU. */
export type Backend = 'cpu' | 'gpu'

const TFJS = '4.22.0'
const HEADERS = '1.9.0'

interface Build {
  readonly name: string
  readonly tensorflow: Wheel
  /** What TensorFlow loads beside, by where its own search looks for it. */
  readonly beside: readonly Wheel[]
  /** Room on the disk, in bytes. */
  readonly room: number
}

const BUILDS: Readonly<Record<Backend, Build>> = {
  cpu: {
    name: '@tensorflow/tfjs-node',
    tensorflow: { project: 'tensorflow-cpu', version: '2.21.0', sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb' },
    beside: [],
    room: 2.5e9,
  },
  gpu: {
    name: '@tensorflow/tfjs-node-gpu',
    tensorflow: { project: 'tensorflow', version: '2.21.0', sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0' },
    beside: [
      { project: 'nvidia-cublas-cu12', version: '12.9.3.13', sha256: 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72' },
      { project: 'nvidia-cuda-cupti-cu12', version: '12.8.90', sha256: 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182' },
      { project: 'nvidia-cuda-nvcc-cu12', version: '12.9.86', sha256: '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0' },
      { project: 'nvidia-cuda-nvrtc-cu12', version: '12.9.86', sha256: '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4' },
      { project: 'nvidia-cuda-runtime-cu12', version: '12.9.79', sha256: '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3' },
      { project: 'nvidia-cudnn-cu12', version: '9.28.0.42', sha256: '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375' },
      { project: 'nvidia-cufft-cu12', version: '11.4.1.4', sha256: 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28' },
      { project: 'nvidia-curand-cu12', version: '10.3.10.19', sha256: '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e' },
      { project: 'nvidia-cusolver-cu12', version: '11.7.5.82', sha256: '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88' },
      { project: 'nvidia-cusparse-cu12', version: '12.5.10.65', sha256: '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78' },
      { project: 'nvidia-nccl-cu12', version: '2.32.3', sha256: 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c' },
      { project: 'nvidia-nvjitlink-cu12', version: '12.9.86', sha256: 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9' },
    ],
    room: 12e9,
  },
}

/** Of the wheel: the two libraries, and the headers that the C interface includes. */
const TENSORFLOW_FILES = /^tensorflow\/(libtensorflow_(cc|framework)\.so\.2|include\/(tensorflow\/(c|core\/platform|tsl)|tsl|xla\/tsl)\/.*\.(h|inc))$/
const NVIDIA_FILES = /^nvidia\/.*(\.so[.\d]*|\/ptxas|\/libdevice\.10\.bc)$/

/** tfjs-node 4.22 uses what Node 23 took out, and TensorFlow tells much of itself on stderr. */
const ENTRY = `process.env.TF_CPP_MIN_LOG_LEVEL ??= '3'
require('node:util').isNullOrUndefined ??= (value) => value == null
module.exports = require('./dist/index.js')
`

/** What is in a folder that is ready. */
const CONTENTS = 'hone.json'

/** The folder of a build, in the user's cache. */
export const buildFolder = (backend: Backend): string => path.join(userCache(), 'tensorflow', backend)

/**
 * Where the built package is linked to: before hone's own packages on the way of an import, and out of npm's reach, which puts plain TensorFlow.js under this name
 * for danfojs-node.
 */
const linkOf = (backend: Backend): string => path.join(packageFolder(), 'dist', 'node_modules', BUILDS[backend].name)

const packageOf = (backend: Backend): string => path.join(buildFolder(backend), 'node_modules', BUILDS[backend].name)

const versionsOf = ({ tensorflow, beside }: Build) => JSON.stringify([TFJS, HEADERS, tensorflow, beside])

/**
 * Builds TensorFlow.js's native addon on a current TensorFlow, from its own sources, and links the package to where hone and notebooks import from. What is built already is
 * linked alone. The package's own install script, which downloads a TensorFlow of 2022, never runs.
 * @throws UsageError where it cannot be built.
 */
export async function installTensorflow(backend: Backend): Promise<void> {
  await buildTensorflow(backend)
  const link = linkOf(backend)
  mkdirSync(path.dirname(link), { recursive: true })
  rmSync(link, { recursive: true, force: true })
  symlinkSync(packageOf(backend), link, 'junction')
}

/** Builds it where that has not been done, and links it to nothing. @throws UsageError where it cannot be built. */
export async function buildTensorflow(backend: Backend): Promise<void> {
  if (!isBuilt(backend)) await build(backend)
}

export type TensorflowState = 'absent' | 'built' | 'linked'

export function tensorflowState(backend: Backend): TensorflowState {
  if (!isBuilt(backend)) return 'absent'
  return existsSync(linkOf(backend)) && linkTarget(linkOf(backend)) === packageOf(backend) ? 'linked' : 'built'
}

function linkTarget(file: string): string | undefined {
  try {
    return path.resolve(path.dirname(file), readlinkSync(file))
  } catch {
    return undefined
  }
}

function isBuilt(backend: Backend): boolean {
  const contents = path.join(buildFolder(backend), CONTENTS)
  return existsSync(contents) && readFileSync(contents, 'utf8') === versionsOf(BUILDS[backend])
}

async function build(backend: Backend): Promise<void> {
  const { name, tensorflow, beside, room } = BUILDS[backend]
  requireLinux(`The build of ${name}`)
  if (!(await answers('g++', '--version'))) throw new UsageError(`${name} is compiled from its sources, and there is no g++ here. On Debian: apt-get install g++; on Fedora: dnf install gcc-c++.`)
  const folder = buildFolder(backend)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  requireSpace(folder, room)
  console.error(`Installing ${name} ${TFJS} ...`)
  await command('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${TFJS}`, `node-api-headers@${HEADERS}`])
  await unpackWheels([tensorflow], TENSORFLOW_FILES, folder)
  await unpackWheels(beside, NVIDIA_FILES, folder)
  console.error('Compiling ...')
  await compile(folder, packageOf(backend))
  await makeEntry(packageOf(backend))
  await check(folder, name)
  await writeWhole(path.join(folder, CONTENTS), versionsOf(BUILDS[backend]))
}

/** The libraries are named by their real folder: TensorFlow looks for CUDA's from there. */
async function compile(folder: string, addon: string): Promise<void> {
  const output = path.join(addon, 'lib', 'napi-v8')
  const libraries = path.join(folder, 'tensorflow')
  const sources = readdirSync(path.join(addon, 'binding')).filter((file) => file.endsWith('.cc')).map((file) => path.join(addon, 'binding', file))
  const includes = [path.join(libraries, 'include'), path.join(folder, 'node_modules', 'node-api-headers', 'include')]
  mkdirSync(output, { recursive: true })
  await command('g++', [
    '-shared', '-fPIC', '-O2', '-std=c++17', '-DNAPI_VERSION=8', ...includes.map((include) => `-I${include}`), ...sources, '-o', path.join(output, 'tfjs_binding.node'),
    `-L${libraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', `-Wl,-rpath,${libraries}`,
  ])
}

async function makeEntry(addon: string): Promise<void> {
  const manifest = path.join(addon, 'package.json')
  const contents = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>
  await writeWhole(path.join(addon, 'hone.js'), ENTRY)
  await writeWhole(manifest, JSON.stringify({ ...contents, main: 'hone.js' }, null, 2))
}

/** A build that does not compute is none. */
async function check(folder: string, name: string): Promise<void> {
  const program = `const tf = require(${JSON.stringify(name)}); console.log(tf.add(1, 3).dataSync()[0], tf.getBackend())`
  const said = await command(process.execPath, ['-e', program], { cwd: folder })
  if (!said.includes('4 tensorflow')) throw new UsageError(`${name} was built, and does not compute: ${said.trim()}`)
}
