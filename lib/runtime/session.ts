import type * as Ort from 'onnxruntime-node'
import type { Tensor } from '../graph/tensor.ts'
import { checkedFeeds, fromNative, ports, toNative, type Port, type Tensors } from './boundary.ts'
import { resolveDevice, type Device } from './devices.ts'
import { throwIfInterrupted } from '../interrupt.ts'
import { explainLoadFailure, explainRunFailure, graphOf, loadable, nameOf, type ModelSource } from './model.ts'

export interface SessionOptions {
  /** Where it runs (auto: CUDA, then WebGPU on a hardware adapter, then the CPU). */
  readonly device?: Device | 'auto'
  /** Threads within an operator (ONNX Runtime's choice: one per physical core). */
  readonly threads?: number
  /** Operators that run at the same time (1). */
  readonly interOpThreads?: number
  /** How far ONNX Runtime rewrites the graph (all). */
  readonly graphOptimization?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all'
  /** Threads that wait for work spin (false): up to 1.2 times as fast for a session alone, half as fast for several in turn (LPRNet, 2 cores). */
  readonly spinning?: boolean
  /**
   * ONNX Runtime lays the memory of a run out in one piece from the second run on, beside what the first one took (true). Without, a training step takes
   * about half of the memory, and is as fast to within a few percent.
   */
  readonly memoryPattern?: boolean
  /** ONNX Runtime keeps memory that it has had from the system, to use it again (true). Without, the process shrinks after a run, and runs take longer. */
  readonly arena?: boolean
  /**
   * Numbers too small for full precision count as 0 (as the process does; false at first). ONNX Runtime takes it from the first session of a
   * process, and then it holds for all that the process computes, JavaScript's own arithmetic too.
   */
  readonly denormalsAsZero?: boolean
  /** Writes ONNX Runtime's profile to a file whose path begins so. */
  readonly profile?: string
}

/** One run of a model on inputs that were fixed beforehand. */
export interface BoundRun {
  (): Promise<Record<string, Tensor>>
  /** What its time depends on beside the model. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

/** A session on its way: it can be awaited, or bound at once. */
export interface OpeningSession extends Promise<Session> {
  bind(feeds: Tensors): Promise<BoundRun>
}

/** Takes over the runs of all sessions while it stands on globalThis under `Symbol.for('hone.profile')`: see lib/measure/collect.ts. */
export interface RunCollector {
  run(session: Session, feeds: Tensors, plain: BoundRun): ReturnType<BoundRun>
}

const COLLECTOR = Symbol.for('hone.profile')

/**
 * A model loaded into ONNX Runtime. In a notebook an interrupt takes effect before the next run or load; a run that has begun is not cut short.
 * https://onnxruntime.ai/docs/api/js/interfaces/InferenceSession-1.html
 */
export class Session {
  readonly device: Device
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly options: SessionOptions
  readonly name: string
  readonly #ort: typeof Ort
  readonly #source: string | WeakRef<object>
  #native: Ort.InferenceSession | null

  private constructor(ort: typeof Ort, native: Ort.InferenceSession, source: ModelSource, device: Device, options: SessionOptions) {
    this.#ort = ort
    this.#native = native
    this.#source = typeof source === 'string' ? source : new WeakRef(source instanceof Uint8Array ? source : graphOf(source))
    this.name = nameOf(source)
    this.device = device
    this.options = options
    this.inputs = ports(this.name, 'input', native.inputMetadata)
    this.outputs = ports(this.name, 'output', native.outputMetadata)
  }

  /**
   * Loads a model. `await Session.create(model)` is a session, `await Session.create(model).bind(feeds)` a bound run of it.
   * @throws Error naming the model where it is damaged, or has an input or output that cannot cross to JavaScript; or where the device is absent.
   */
  static create(source: ModelSource, options: SessionOptions = {}): OpeningSession {
    const opening = Session.#open(source, options)
    return Object.assign(opening, { bind: async (feeds: Tensors) => (await opening).bind(feeds) })
  }

  static async #open(source: ModelSource, options: SessionOptions): Promise<Session> {
    const device = await resolveDevice(options.device ?? 'auto')
    const ort = await import('onnxruntime-node')
    checkThreads(options)
    throwIfInterrupted()
    const settings = nativeOptions(device, options, isFakeQuantized(source))
    const native = await ort.InferenceSession.create(loadable(source) as string, settings).catch(async (failure: Error) => {
      throwIfInterrupted()
      throw await explainLoadFailure(source, failure)
    })
    return new Session(ort, native, source, device, options)
  }

  /** What the session was opened from, while anything else still holds it: a session holds no second copy of the weights. */
  get source(): ModelSource | undefined {
    return typeof this.#source === 'string' ? this.#source : (this.#source.deref() as ModelSource | undefined)
  }

  /** ONNX Runtime's own session. @internal */
  get native(): Ort.InferenceSession {
    return this.#live()
  }

  /** Runs the model. Its only input takes the only tensor, whatever that is called. @throws Error where an input is missing, unknown, or of another type or shape than the model takes. */
  async run(feeds: Tensors): Promise<Record<string, Tensor>> {
    return this.bind(feeds)()
  }

  /**
   * Checks and converts the inputs once; each call then costs the run alone. Outputs are written into the tensors of `into` that have their names.
   * @throws Error as `run` does.
   */
  bind(tensors: Tensors, into?: Tensors): BoundRun {
    this.#live()
    const feeds = checkedFeeds(this, tensors)
    const native = Object.fromEntries(this.inputs.map(({ name }) => [name, toNative(this.#ort, feeds[name])]))
    const fetches = into && Object.fromEntries(this.outputs.map(({ name }) => [name, into[name] ? toNative(this.#ort, into[name]) : null]))
    const plain = () => this.#run(native, into, fetches)
    const run = () => (globalThis as { [COLLECTOR]?: RunCollector })[COLLECTOR]?.run(this, feeds, plain) ?? plain()
    const { threads = 'default', spinning = false } = this.options
    return Object.assign(run, { settings: { device: this.device, threads, spinning } })
  }

  async #run(feeds: Record<string, Ort.Tensor>, into: Tensors | undefined, fetches?: Record<string, Ort.Tensor | null>) {
    throwIfInterrupted()
    const outputs = await (fetches ? this.#live().run(feeds, fetches) : this.#live().run(feeds)).catch((failure: Error) => {
      throwIfInterrupted()
      throw explainRunFailure(this.name, this.device, failure)
    })
    // what comes back is a copy even where the runtime wrote into the given memory
    return Object.fromEntries(this.outputs.map(({ name }) => [name, into?.[name] ?? fromNative(outputs[name])]))
  }

  /** Completes the profile's file. */
  endProfile(): void {
    this.#live().endProfiling()
  }

  /** Frees what the model holds; the session cannot run again. */
  async release(): Promise<void> {
    const native = this.#native
    this.#native = null
    await native?.release()
  }

  #live(): Ort.InferenceSession {
    if (!this.#native) throw new Error(`${this.name}: this session was released`)
    return this.#native
  }
}

/** ONNX Runtime's own lines on stderr would only repeat what is thrown. */
const FATAL_ONLY = 4

/** What the first session of this process said of denormals. */
let flushing: boolean | undefined

function settleDenormals(wanted: boolean | undefined): boolean {
  flushing ??= wanted ?? false
  if (wanted !== undefined && wanted !== flushing)
    throw new Error(`denormalsAsZero: the first session of this process settled it as ${flushing}, and ONNX Runtime cannot change it. Ask for it first in a new process.`)
  return flushing
}

function checkThreads(options: SessionOptions): void {
  for (const name of ['threads', 'interOpThreads'] as const) {
    const count = options[name] ?? 1
    if (!Number.isInteger(count) || count < 1) throw new RangeError(`${name} is a whole number from 1 on, not ${count}`)
  }
}

/**
 * Whether a network trains to compute in 8 bits. Where ONNX Runtime takes fake quantization for the real one, it stores the floats between in integers, of which int32
 * overflows with a bias that is large beside its weights. https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/optimizer/qdq_transformer/weight_bias_quantization.cc
 */
function isFakeQuantized(source: ModelSource): boolean {
  return typeof source !== 'string' && !(source instanceof Uint8Array) && graphOf(source).nodes('FakeQuantize').length > 0
}

function nativeOptions(device: Device, options: SessionOptions, fakeQuantized: boolean): Ort.InferenceSession.SessionOptions {
  const { threads, interOpThreads = 1, graphOptimization = 'all', spinning = false, memoryPattern = true, arena = true, profile } = options
  const denormalsAsZero = settleDenormals(options.denormalsAsZero)
  return {
    // what TensorRT does not take, CUDA does
    executionProviders: device === 'tensorrt' ? ['tensorrt', 'cuda'] : [device],
    logSeverityLevel: FATAL_ONLY,
    graphOptimizationLevel: graphOptimization,
    executionMode: interOpThreads > 1 ? 'parallel' : 'sequential',
    interOpNumThreads: interOpThreads,
    enableMemPattern: memoryPattern,
    enableCpuMemArena: arena,
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
    extra: { session: { intra_op: { allow_spinning: spinning ? '1' : '0' }, set_denormal_as_zero: denormalsAsZero ? '1' : '0', disable_quant_qdq: fakeQuantized ? '1' : '0' } },
  }
}
