import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Trial } from './probe.ts'

export type Device = 'cpu' | 'cuda' | 'tensorrt' | 'webgpu'

/** What this machine offers. An absent device says why, and the way to get it. */
export interface DeviceState {
  readonly device: Device
  readonly available: boolean
  /** Emulated on the CPU: taken when asked for by name, never by `auto`. */
  readonly software?: boolean
  /** Whether it computes in float16. */
  readonly float16?: boolean
  readonly description?: string
  readonly reason?: string
  readonly remedy?: string
}

const PREFERRED: readonly Device[] = ['cuda', 'tensorrt', 'webgpu', 'cpu']

let known: Promise<readonly DeviceState[]> | undefined

/** Every device that hone knows, best first; found out once a process, by trying each in a process of its own. */
export function listDevices(): Promise<readonly DeviceState[]> {
  return (known ??= discover())
}

/** The device that `wanted` stands for; `auto` is never TensorRT, which takes minutes to load a model. @throws Error where it is unknown or absent, with the reason and the way to get it. */
export async function resolveDevice(wanted: Device | 'auto' = 'auto'): Promise<Device> {
  if (wanted === 'cpu') return 'cpu'
  const devices = await listDevices()
  if (wanted === 'auto') return devices.find(({ device, available, software }) => available && !software && device !== 'tensorrt')?.device ?? 'cpu'
  const state = devices.find(({ device }) => device === wanted)
  if (!state) throw new Error(`there is no device "${wanted}": choose auto, ${PREFERRED.toReversed().join(', ')}`)
  if (!state.available) throw new Error(`the device ${wanted} is not available here: ${state.reason}. ${state.remedy}`)
  return wanted
}

/** How a report names a device: an adapter that is emulated on the CPU is no GPU, and has a name of its own. */
export async function reportedDevice(device: Device): Promise<string> {
  if (device === 'cpu') return device
  const state = (await listDevices()).find((one) => one.device === device)
  return state?.software ? `${device}-software` : device
}

async function discover(): Promise<readonly DeviceState[]> {
  const [cuda, tensorrt, webgpu] = await Promise.all([discoverCuda(), discoverTensorrt(), discoverWebgpu()])
  return [cuda, tensorrt, webgpu, { device: 'cpu', available: true, float16: true, description: cpus()[0]?.model.trim() }]
}

const run = promisify(execFile)

/** Runs a small model on the device, in a process of its own: a driver that crashes takes only that one with it. */
async function tried(device: Device): Promise<Trial> {
  const probe = fileURLToPath(new URL('./probe.js', import.meta.url))
  try {
    const { stdout, stderr } = await run(process.execPath, [probe, device], { timeout: 30_000, env: { ...process.env, NODE_OPTIONS: '' } })
    const trial = JSON.parse(stdout) as Trial
    return { ...trial, message: `${stderr}\n${trial.message}` }
  } catch (failure) {
    return { works: false, float16: false, drivers: [], message: `${(failure as { stderr?: string }).stderr}\n${(failure as Error).message}` }
  }
}

async function discoverCuda(): Promise<DeviceState> {
  const device = 'cuda'
  const gpu = await nvidia()
  if (!gpu) return { device, available: false, reason: 'no NVIDIA GPU answers (nvidia-smi)', remedy: 'It needs an NVIDIA GPU and its driver.' }
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { device, available: false, reason: `onnxruntime-node has no CUDA provider for ${process.platform} ${process.arch}`, remedy: 'Use webgpu or the CPU, or Linux on x64.' }
  const trial = await tried(device)
  if (trial.works) return { device, available: true, float16: trial.float16, description: gpu }
  const library = /(lib[^\s/]+?\.so[\d.]*): cannot open shared object file/.exec(trial.message)?.[1]
  if (!library) return { device, available: false, reason: lastLine(trial.message), remedy: 'Check the NVIDIA driver, CUDA and cuDNN 9.' }
  return library.startsWith('libonnxruntime_providers')
    ? { device, available: false, reason: "ONNX Runtime's CUDA provider library is not installed", remedy: 'Get it with: hone gpu install (250 MB).' }
    : { device, available: false, reason: `the CUDA library ${library} is missing`, remedy: 'Get it with: hone gpu install --libraries (2 GB); or, where CUDA and cuDNN 9 are installed, name their folder in LD_LIBRARY_PATH.' }
}

/** https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html */
async function discoverTensorrt(): Promise<DeviceState> {
  const device = 'tensorrt'
  const gpu = await nvidia()
  if (!gpu) return { device, available: false, reason: 'no NVIDIA GPU answers (nvidia-smi)', remedy: 'It needs an NVIDIA GPU and its driver.' }
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { device, available: false, reason: `onnxruntime-node has no TensorRT provider for ${process.platform} ${process.arch}`, remedy: 'Use webgpu or the CPU, or Linux on x64.' }
  const trial = await tried(device)
  if (trial.works) return { device, available: true, float16: trial.float16, description: gpu }
  const library = /(lib[^\s/]+?\.so[\d.]*): cannot open shared object file/.exec(trial.message)?.[1]
  if (!library) return { device, available: false, reason: lastLine(trial.message), remedy: 'Check the NVIDIA driver, CUDA and TensorRT 10.' }
  return library.startsWith('libonnxruntime_providers')
    ? { device, available: false, reason: "ONNX Runtime's TensorRT provider library is not installed", remedy: 'Get it with: hone gpu install. Or use cuda.' }
    : { device, available: false, reason: `the TensorRT library ${library} is missing`, remedy: 'Install TensorRT 10, and name its folder in LD_LIBRARY_PATH. Or use cuda.' }
}

const SOFTWARE_DRIVER = /swiftshader|lvp|llvmpipe/i

async function discoverWebgpu(): Promise<DeviceState> {
  const device = 'webgpu'
  const [{ works, float16, drivers, message }, nodes] = await Promise.all([tried(device), gpuNodes()])
  const remedy = 'It needs a GPU and its Vulkan driver (libvulkan.so.1 and an ICD), Direct3D 12 or Metal.'
  if (!works) {
    const reason = /libvulkan\S+: cannot open/.test(message) ? 'the Vulkan loader libvulkan.so.1 is not installed' : /adapter/.test(message) ? 'no WebGPU adapter was found' : lastLine(message)
    return { device, available: false, reason, remedy }
  }
  const software = process.platform === 'linux' && (nodes.length === 0 || (drivers.length > 0 && drivers.every((driver) => SOFTWARE_DRIVER.test(driver))))
  return { device, available: true, software, float16, description: [software ? 'software adapter' : 'GPU', ...drivers].join(', ') }
}

/** Name and driver of the NVIDIA GPU, if one answers. */
async function nvidia(): Promise<string | null> {
  try {
    const { stdout } = await run('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'], { timeout: 10_000 })
    const [name, driver] = stdout.split('\n')[0].split(', ')
    return `${name}, driver ${driver}`
  } catch {
    return null
  }
}

/** What the kernel shows of GPUs that can compute: a render node, NVIDIA's, or WSL's. */
async function gpuNodes(): Promise<readonly string[]> {
  if (process.platform !== 'linux') return []
  const rendering = existsSync('/dev/dri') ? (await readdir('/dev/dri')).filter((name) => name.startsWith('renderD')) : []
  return [...rendering, ...['/dev/nvidia0', '/dev/dxg'].filter((path) => existsSync(path))]
}

const lastLine = (text: string) => text.trim().split('\n').at(-1) ?? ''
