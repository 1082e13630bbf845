// Checks a GPU: every network in every precision, its gradients against the CPU's, its step's time, memory. Usage: npm run gpu:check -- --help
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeWhole } from '../../lib/files.ts'
import { environment } from '../../lib/measure/environment.ts'
import { listDevices, type Device } from '../../lib/runtime/devices.ts'
import { table } from '../../lib/table.ts'
import { digits, sizeText, timeText } from '../../lib/units.ts'
import type { ModelResult, PrecisionName } from './check-model.ts'
import { LARGE, models, SMALL } from './models.ts'

/** How far gradients may be from the CPU's: a network multiplies what each operator rounds. */
const LIMITS: Readonly<Record<PrecisionName, number>> = { float32: 1e-3, tf32: 3e-2, float16: 5e-2, bfloat16: 0.3 }

const USAGE = `npm run gpu:check -- [--device cuda|tensorrt|webgpu|cpu] [--models NAME,...] [--minutes 8] [--out reports/gpu-check.json]

Trains each network for some steps on the device (the best GPU) in each precision, and compares with the CPU.
Networks: ${Object.keys(models).join('; ')}.
--device webgpu also takes an adapter that is emulated, and --device cpu needs none: both try the check itself, on small networks.
Exit code: 0; 1 where a gradient is wrong or something failed; 2 where there is no such device.`

interface Row extends ModelResult {
  /** Bytes of the GPU's memory in use at most, beyond what was in use before. */
  readonly deviceMemory?: number
  readonly verdict: 'right' | 'wrong' | 'refused' | 'failed' | 'out of time'
}

const { values: options } = parseArgs({
  options: { device: { type: 'string' }, models: { type: 'string' }, minutes: { type: 'string', default: '8' }, out: { type: 'string', default: 'reports/gpu-check.json' }, help: { type: 'boolean', default: false } },
})

/** @returns the exit code. */
async function main(): Promise<number> {
  if (options.help) return say(USAGE, 0)
  const state = await device()
  if (typeof state === 'string') return say(state, 2)
  const end = performance.now() + Number(options.minutes) * 60_000
  const names = options.models?.split(',') ?? (state.isGpu ? LARGE : SMALL)
  const unknown = names.find((name) => !models[name])
  if (unknown) return say(`There is no network "${unknown}": choose among ${Object.keys(models).join('; ')}.`, 2)
  const started = new Date().toISOString()
  console.log(`${state.device}: ${state.description}\n`)

  const rows: Row[] = []
  for (const [i, name] of names.entries()) rows.push(...(await checkModel(state.device, name, (end - performance.now()) / (names.length - i + 1))))
  const tfjs = await tensorflowStep(state.isGpu && state.device !== 'webgpu' ? 'gpu' : 'node', (end - performance.now()) / 1000)

  console.log(`\n${shown(rows)}\n\nTensorFlow.js: ${tfjs.text}`)
  mkdirSync(path.dirname(path.resolve(options.out)), { recursive: true })
  const { device: kind, description, isGpu } = state
  await writeWhole(options.out, `${JSON.stringify({ environment: environment(), device: kind, description, isGpu, started, rows, tensorflow: tfjs.result }, null, 1)}\n`)
  console.log(`Written to ${options.out}.`)
  return rows.every(({ verdict }) => verdict === 'right' || verdict === 'refused') ? 0 : 1
}

/** The device to check, or one line that says why there is none. */
async function device(): Promise<{ device: Device; description: string; isGpu: boolean } | string> {
  const devices = await listDevices()
  const wanted = options.device
  if (wanted !== undefined && !devices.some(({ device }) => device === wanted)) return `There is no device "${wanted}": choose among ${devices.map(({ device }) => device).join(', ')}.`
  const gpus = devices.filter(({ device }) => device === 'cuda' || device === 'webgpu')
  const found = wanted === undefined ? gpus.find(({ available, software }) => available && !software) : devices.find(({ device }) => device === wanted)
  if (!found) return `No GPU to check: ${gpus.map((gpu) => `${gpu.device}: ${gpu.reason ?? 'its adapter is emulated on the CPU (take it with --device webgpu)'}`).join('; ')}.`
  if (!found.available) return `No ${found.device} to check: ${found.reason}. ${found.remedy}`
  return { device: found.device, description: found.description ?? '', isGpu: found.device !== 'cpu' && !found.software }
}

/** TF32 is settled when a process starts, so each network takes two of them on CUDA. */
function processes(device: Device): readonly { precisions: readonly PrecisionName[]; env: Record<string, string> }[] {
  if (device === 'cpu' || device === 'webgpu') return [{ precisions: ['float32', 'float16', 'bfloat16'], env: {} }]
  return [
    { precisions: ['float32'], env: { NVIDIA_TF32_OVERRIDE: '0' } },
    { precisions: ['tf32', 'float16', 'bfloat16'], env: {} },
  ]
}

/** The rows of one network; `share` is how many milliseconds it may take. */
async function checkModel(device: Device, name: string, share: number): Promise<Row[]> {
  const rows: Row[] = []
  const end = performance.now() + share
  for (const { precisions, env } of processes(device)) {
    const left = (end - performance.now()) / 1000
    const limit = Math.max(0.2, Math.min(5, left / 8))
    const before = gpuMemory()
    const results = left > 5 ? await running([device, name, precisions.join(','), String(limit)], env, left) : []
    for (const [i, precision] of precisions.entries()) {
      const result = results[i] ?? { model: name, precision }
      const row: Row = { ...result, ...(result.used !== undefined && { deviceMemory: result.used - before! }), verdict: verdictOf(result) }
      console.log(`${name}, ${precision}: ${row.verdict}${row.failure ? ` (${row.failure})` : ''}`)
      rows.push(row)
    }
  }
  return rows
}

function verdictOf({ precision, distance, failure, seconds }: ModelResult): Row['verdict'] {
  if (failure) return /is not possible on/.test(failure) ? 'refused' : 'failed'
  if (distance === undefined || !seconds) return 'out of time'
  return distance <= LIMITS[precision] ? 'right' : 'wrong'
}

/** Results as they come, and with each how much of the GPU's memory was in use at most until then. */
async function running(args: readonly string[], env: Record<string, string>, seconds: number): Promise<(ModelResult & { used?: number })[]> {
  const child = spawn(process.execPath, [script('check-model.js'), ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  let used = 0
  const watch = setInterval(() => (used = Math.max(used, gpuMemory() ?? 0)), 500)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise<string | null>((resolve) => child.on('close', (code, signal) => resolve(code || (signal && signal !== 'SIGKILL') ? `the process ended with ${signal ?? `exit code ${code}`}: ${said.trim().split('\n').at(-1)}` : null)))
  const results: (ModelResult & { used?: number })[] = []
  for await (const line of createInterface({ input: child.stdout })) results.push({ ...(JSON.parse(line) as ModelResult), ...(used > 0 && { used }) })
  const failure = await ended
  clearTimeout(timer)
  clearInterval(watch)
  const [, name, precisions] = args as [string, string, string]
  if (failure) results.push({ model: name, precision: precisions.split(',')[results.length] as PrecisionName, failure })
  return results
}

/** Bytes of the NVIDIA GPU's memory that are in use; null where none answers. */
function gpuMemory(): number | null {
  if (!environment().accelerator) return null
  try {
    return Number(execFileSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits'], { encoding: 'utf8', timeout: 5000 }).split('\n')[0]) * 2 ** 20
  } catch {
    return null
  }
}

interface TensorflowStep {
  readonly loss: number
  readonly seconds: number
  readonly device: string
}

async function tensorflowStep(backend: 'node' | 'gpu', seconds: number): Promise<{ text: string; result: TensorflowStep | null }> {
  const child = spawn(process.execPath, [script('tfjs-step.js'), backend], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '0' }, timeout: Math.ceil(Math.max(1, seconds) * 1000) })
  let [printed, said] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) return { text: /Error: (.*)/.exec(said)?.[1] ?? 'no step in the time that was left', result: null }
  const step = JSON.parse(printed.trim().split('\n').at(-1)!) as Omit<TensorflowStep, 'device'>
  const device = /Created device .*? name: ([^,]+),/.exec(said)?.[1] ?? 'CPU'
  return { text: `a step of the MNIST network with 256 samples took ${timeText(step.seconds)} on ${device}`, result: { ...step, device } }
}

function shown(rows: readonly Row[]): string {
  const optional = (value: number | undefined, format: (value: number) => string) => (value === undefined ? '' : format(value))
  return table(rows, [
    { heading: 'network', cell: ({ model }) => model },
    { heading: 'precision', cell: ({ precision }) => precision, align: 'left' },
    { heading: 'gradients', cell: ({ verdict }) => verdict, align: 'left' },
    { heading: 'distance', cell: ({ distance }) => optional(distance, (d) => d.toExponential(1)) },
    { heading: 'batch', cell: ({ batch }) => optional(batch, String) },
    { heading: 'step', cell: ({ seconds }) => optional(seconds?.median, timeText) },
    { heading: 'samples/s', cell: ({ batch, seconds }) => optional(seconds && batch! / seconds.median, digits) },
    { heading: 'steps a run', cell: ({ stepsPerRun }) => optional(stepsPerRun, String) },
    { heading: 'compiled in', cell: ({ compile }) => optional(compile, timeText) },
    { heading: 'GPU memory', cell: ({ deviceMemory }) => optional(deviceMemory, sizeText) },
    { heading: 'memory', cell: ({ resident }) => optional(resident, sizeText) },
  ])['text/plain']
}

const script = (name: string) => fileURLToPath(new URL(name, import.meta.url))

function say(text: string, code: number): number {
  console.log(text)
  return code
}

process.exitCode = await main()
