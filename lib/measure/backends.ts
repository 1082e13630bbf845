import { availableParallelism } from 'node:os'
import type { Tensor } from '../graph/tensor.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { listDevices, type Device } from '../runtime/devices.ts'
import type { ModelSource } from '../runtime/model.ts'
import { Session } from '../runtime/session.ts'
import { table, type TableBundle } from '../table.ts'
import { digits, timeRange, timeText } from '../units.ts'
import { bench } from './bench.ts'
import type { ClockedContender } from './contender.ts'
import { gpuEnergy, processorEnergy } from './energy.ts'
import { environment } from './environment.ts'
import { loadPythonBackend, PYTHON_BACKENDS, type PythonBackend } from './python-backends.ts'
import type { Measurement } from './result.ts'

export interface BackendOptions {
  readonly feeds: Tensors
  /** Which ones, the first of which the others are compared with (all that hone knows, ONNX Runtime on the CPU first). */
  readonly backends?: readonly Backend[]
  /** Threads of those that run on the CPU (one per core). */
  readonly threads?: number
  /** Time to measure for (5 s). */
  readonly seconds?: number
}

/** ONNX Runtime on one of its devices, or another runtime. */
export type Backend = Device | PythonBackend

/** What came of running a model on a backend. */
export interface BackendRow {
  readonly backend: Backend
  readonly title: string
  readonly version: string | null
  /** Seconds a run, measured in turn with the others; null where it does not run. */
  readonly latency: Measurement | null
  /** Largest difference of an output's number from the first backend's. */
  readonly difference: number | null
  /** Joules a sample, of the whole processor or GPU; null where the machine does not tell. */
  readonly joules: number | null
  /** Why it does not run here, and the way to get it. */
  readonly reason: string | null
}

const BACKENDS: readonly Backend[] = ['cpu', 'webgpu', 'cuda', 'tensorrt', 'openvino', 'tvm']

/** One model on every backend. Shows itself as a table. */
export class BackendTable {
  readonly rows: readonly BackendRow[]

  constructor(rows: readonly BackendRow[]) {
    this.rows = rows
  }

  table(): TableBundle {
    const energy = this.rows.some(({ joules }) => joules !== null)
    return table(this.rows, [
      { heading: 'backend', cell: ({ title }) => title },
      { heading: 'version', cell: ({ version }) => version ?? '' },
      { heading: 'time', cell: ({ latency }) => (latency ? `${timeText(latency.median)} (${timeRange(latency.interval.low, latency.interval.high)})` : '') },
      { heading: 'times as fast', cell: ({ latency }) => (latency?.speedup ? digits(latency.speedup.value) : latency ? '1' : '') },
      { heading: 'largest difference', cell: ({ difference }) => (difference === null ? '' : difference ? difference.toExponential(1) : '0') },
      ...(energy ? [{ heading: 'J a sample', cell: ({ joules }: BackendRow) => (joules === null ? '' : digits(joules)) }] : []),
      { heading: '', cell: ({ reason }) => (reason ? `absent: ${reason}` : ''), align: 'left' as const },
    ])
  }

  [Symbol.for('Jupyter.display')](): TableBundle {
    return this.table()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.table()['text/plain']
  }
}

/** A backend that has loaded the model, and run it once. */
interface Loaded {
  readonly version: string
  readonly outputs: readonly Tensor[]
  readonly contender: ClockedContender
}

/**
 * Runs one model on every backend of this machine: ONNX Runtime on each of its devices, OpenVINO and TVM where they are installed (`hone backends install`);
 * their outputs are compared, their times measured in turn. One that is absent, or does not take the model, is a row with the reason.
 *
 * @example await backends(int8, { feeds: plates.batch(1) })
 * @throws Error where the first backend, which the others are compared with, does not run the model.
 */
export async function backends(model: ModelSource, options: BackendOptions): Promise<BackendTable> {
  if (!options?.feeds) throw new TypeError('backends: the inputs to run are missing, as in backends(model, { feeds: plates.batch(1) })')
  const { feeds, backends: wanted = BACKENDS, threads = availableParallelism(), seconds = 5 } = options
  const unknown = wanted.find((name) => !BACKENDS.includes(name))
  if (unknown !== undefined || !wanted.length) throw new RangeError(`there is no backend "${unknown ?? ''}", only ${BACKENDS.join(', ')}`)
  const loaded = new Map<Backend, Loaded>()
  const reasons = new Map<Backend, string>()
  try {
    for (const name of wanted) {
      throwIfInterrupted()
      try {
        loaded.set(name, await (name in PYTHON_BACKENDS ? loadPythonBackend(name as PythonBackend, model, feeds, threads) : loadDevice(name as Device, model, feeds, threads)))
      } catch (error) {
        throwIfInterrupted()
        if (name === wanted[0]) throw error
        reasons.set(name, (error as Error).message)
      }
    }
    const samples = Object.values(feeds)[0]?.shape[0] ?? 1
    const joules = new Map<Backend, number | null>()
    for (const [name, { contender }] of loaded) joules.set(name, await energyOf(name, contender, samples))
    const times = await bench(Object.fromEntries([...loaded].map(([name, { contender }]) => [name, contender])), { seconds })
    const expected = loaded.get(wanted[0]!)!.outputs
    return new BackendTable(wanted.map((backend): BackendRow => {
      const one = loaded.get(backend)
      const title = backend in PYTHON_BACKENDS ? PYTHON_BACKENDS[backend as PythonBackend].title : `ONNX Runtime, ${backend}`
      if (!one) return { backend, title, version: null, latency: null, difference: null, joules: null, reason: reasons.get(backend)! }
      return { backend, title, version: one.version, latency: times[backend]!, difference: largestDifference(expected, one.outputs), joules: joules.get(backend)!, reason: null }
    }))
  } finally {
    for (const { contender } of loaded.values()) await contender.close?.()
  }
}

async function loadDevice(device: Device, model: ModelSource, feeds: Tensors, threads: number): Promise<Loaded> {
  const state = (await listDevices()).find((one) => one.device === device)!
  if (!state.available) throw new Error(`${state.reason}. ${state.remedy}`)
  const session = await Session.create(model, { device, threads })
  const run = session.bind(feeds)
  const outputs = await run()
  const contender: ClockedContender = {
    async time(calls) {
      let result: unknown
      const start = performance.now()
      for (let i = 0; i < calls; i++) result = await run()
      return { seconds: (performance.now() - start) / 1000, result }
    },
    close: () => session.release(),
  }
  const software = state.software ? ' (emulated on the CPU)' : ''
  return { version: `${environment().versions.onnxruntime}${software}`, outputs: session.outputs.map(({ name }) => outputs[name]!), contender }
}

/** Seconds that energy is watched for: counters move in steps of a millisecond and more. */
const WATCHED = 0.5

async function energyOf(backend: Backend, contender: ClockedContender, samples: number): Promise<number | null> {
  const { seconds } = await contender.time(1)
  const calls = Math.max(1, Math.ceil(WATCHED / Math.max(seconds, 1e-6)))
  const watch = backend === 'cuda' || backend === 'tensorrt' ? gpuEnergy : processorEnergy
  if ((await watch(async () => {})) === null) return null
  const joules = await watch(() => contender.time(calls))
  return joules === null ? null : joules / (calls * samples)
}

/** @throws Error where one has another shape. */
function largestDifference(expected: readonly Tensor[], found: readonly Tensor[]): number {
  return expected.reduce((most, tensor, i) => {
    if (String(found[i]?.shape) !== String(tensor.shape)) throw new Error(`output ${i} is [${found[i]?.shape ?? 'absent'}], not [${tensor.shape}]`)
    const [a, b] = [tensor.toNumbers(), found[i]!.toNumbers()]
    return a.reduce((largest, x, k) => (Object.is(x, b[k]) ? largest : Math.max(largest, Math.abs(x - b[k]!))), most)
  }, 0)
}
