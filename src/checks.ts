import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { typeScriptProgram } from '../kernel/tsconfig.ts'
import { backendFolder, backendPython, PYTHON_BACKENDS, type PythonBackend } from '../lib/measure/python-backends.ts'
import { listDevices } from '../lib/runtime/devices.ts'
import { buildFolder, tensorflowState } from './addons/tensorflow.ts'

/** What was found of one thing. Only a `failed` one keeps hone from working. */
export interface Finding {
  readonly name: string
  readonly state: 'ok' | 'absent' | 'failed'
  readonly detail: string
  /** How to get what is missing. */
  readonly remedy?: string
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const KERNEL = path.join(ROOT, 'dist', 'kernel', 'main.js')

export function checkNode(): Finding {
  return { name: 'Node', state: 'ok', detail: `${process.versions.node}, ${process.platform} ${process.arch}` }
}

interface Package {
  readonly name: string
  /** What it serves; a package without a remedy must be there. */
  readonly purpose: string
  readonly remedy?: string
}

const PACKAGES: readonly Package[] = [
  { name: 'onnxruntime-node', purpose: 'runs networks' },
  { name: 'zeromq', purpose: 'speaks with Jupyter' },
  { name: 'vega-lite', purpose: 'draws plots' },
  { name: 'danfojs-node', purpose: 'data frames', remedy: 'It is optional; get it with: npm ci (without --omit=optional)' },
  { name: 'tslab', purpose: 'types and baseline of the tests', remedy: 'Only development needs it; get it with: npm ci (without --omit=dev)' },
]

export function checkPackages(): Promise<Finding[]> {
  return Promise.all(PACKAGES.map(checkPackage))
}

async function checkPackage({ name, purpose, remedy }: Package): Promise<Finding> {
  const version = installedVersion(name)
  if (!version) return { name, state: remedy ? 'absent' : 'failed', detail: `not installed (${purpose})`, remedy: remedy ?? 'Install it with: npm ci' }
  if (remedy) return { name, state: 'ok', detail: `${version}, ${purpose}` }
  try {
    await import(name)
    return { name, state: 'ok', detail: `${version}, ${purpose}` }
  } catch (error) {
    return { name, state: 'failed', detail: `${version} does not load: ${(error as Error).message}`, remedy: 'Install it again: remove node_modules and run npm ci' }
  }
}

function installedVersion(name: string): string | undefined {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? []
  const file = folders.map((folder) => path.join(folder, name, 'package.json')).find((candidate) => existsSync(candidate))
  return file && JSON.parse(readFileSync(file, 'utf8')).version
}

/** TensorFlow.js's native library, as `hone tfjs install` builds it. */
export function checkTensorflow(): Finding[] {
  return (['cpu', 'gpu'] as const).map((backend): Finding => {
    const [name, flag] = backend === 'cpu' ? ['@tensorflow/tfjs-node', ''] : ['@tensorflow/tfjs-node-gpu', ' --gpu']
    const purpose = `TensorFlow.js on ${backend === 'cpu' ? "TensorFlow's own library" : 'an NVIDIA GPU'}, as a baseline`
    switch (tensorflowState(backend)) {
      case 'linked': return { name, state: 'ok', detail: `in ${buildFolder(backend)}, ${purpose}` }
      case 'built': return { name, state: 'absent', detail: `built in ${buildFolder(backend)}, and not linked to this copy of hone`, remedy: `Link it, in a second, with: hone tfjs install${flag}` }
      case 'absent': return { name, state: 'absent', detail: `not built (${purpose})`, remedy: `It is optional; get it with: hone tfjs install${flag}` }
    }
  })
}

/** Completion, inspection and type errors come from a program that belongs to the `typescript` package. */
export function checkTypes(): Finding {
  const name = 'TypeScript'
  try {
    const program = typeScriptProgram()
    accessSync(program, constants.X_OK)
    return { name, state: 'ok', detail: `${installedVersion('typescript')}, completion and type errors in cells` }
  } catch (error) {
    return { name, state: 'absent', detail: `its program is not there (${(error as Error).message.split('\n')[0]}): cells run without completion from types and without type errors`, remedy: 'Get it with: npm ci (without --omit=optional)' }
  }
}

export async function checkDevices(): Promise<Finding[]> {
  const devices = await listDevices()
  return devices.map(({ device, available, description, reason, remedy }) => ({
    name: `device ${device}`,
    state: available ? 'ok' : 'absent',
    detail: available ? (description ?? 'available') : `not available: ${reason}`,
    remedy: available ? undefined : remedy,
  }))
}

/** Other runtimes that ONNX files are compared on. */
export function checkBackends(): Promise<Finding[]> {
  return Promise.all(Object.entries(PYTHON_BACKENDS).map(async ([key, { title, packages: [name] }]): Promise<Finding> => {
    const python = backendPython(key as PythonBackend)
    const remedy = `It is optional; get it with: hone backends install ${key}`
    if (!python) return { name: title, state: 'absent', detail: 'not installed (runs ONNX files beside ONNX Runtime, for comparison)', remedy }
    try {
      const { stdout } = await promisify(execFile)(python, ['-c', 'import sys; from importlib.metadata import version; print(version(sys.argv[1]))', name!], { timeout: 20_000 })
      return { name: title, state: 'ok', detail: `${stdout.trim()}, in ${backendFolder(key as PythonBackend)}` }
    } catch {
      return { name: title, state: 'absent', detail: `its environment ${backendFolder(key as PythonBackend)} is damaged`, remedy }
    }
  }))
}

interface KernelSpecs {
  readonly kernelspecs: Readonly<Record<string, { readonly resource_dir: string; readonly spec: { readonly argv: readonly string[] } }>>
}

export async function checkJupyter(): Promise<Finding[]> {
  const specs = await jupyterKernelSpecs()
  if (!specs) return [{ name: 'Jupyter', state: 'absent', detail: 'not found (only notebooks in a browser need it)', remedy: 'npm run lab sets one up for this project; one of your own: pip install jupyterlab, then hone install' }]
  const ours = specs.kernelspecs.hone
  if (!ours) return [{ name: 'Jupyter', state: 'absent', detail: 'found; the kernel is not registered', remedy: 'Register it with: hone install' }]
  if (!ours.spec.argv.includes(KERNEL))
    return [{ name: 'Jupyter', state: 'absent', detail: `found; the kernel in ${ours.resource_dir} is of another copy of hone`, remedy: 'Register this one with: hone install' }]
  return [{ name: 'Jupyter', state: 'ok', detail: `kernel registered in ${ours.resource_dir}` }]
}

async function jupyterKernelSpecs(): Promise<KernelSpecs | undefined> {
  try {
    const { stdout } = await promisify(execFile)('jupyter', ['kernelspec', 'list', '--json'], { timeout: 20_000 })
    return JSON.parse(stdout)
  } catch {
    return undefined
  }
}

export function checkData(): Finding {
  const chosen = process.env.HONE_DATA
  const folder = chosen ?? path.join(ROOT, 'notebooks', 'data')
  const name = 'data'
  if (!existsSync(folder)) return { name, state: 'absent', detail: `there is no folder ${folder}`, remedy: chosen ? 'Correct HONE_DATA, or unset it' : 'It is part of the project: clone it again' }
  return { name, state: 'ok', detail: `${folder}: ${readdirSync(folder).join(', ')}` }
}

/** Where a Chromium lies, if there is one on the PATH. */
export function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => folders.map((folder) => path.join(folder, name))).find(isExecutable)
}

export function checkBrowser(): Finding {
  const browser = findBrowser()
  if (browser) return { name: 'Chromium', state: 'ok', detail: browser }
  return { name: 'Chromium', state: 'absent', detail: 'not found (only browser tests need it)' }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
