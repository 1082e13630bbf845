import type { Graph } from '../graph/graph.ts'
import { Tensor } from '../graph/tensor.ts'
import { lower, type Lowered } from '../lower/index.ts'
import { requireWhole } from '../require.ts'
import { resolveDevice, type Device } from '../runtime/devices.ts'
import { Session, type SessionOptions } from '../runtime/session.ts'
import type { State } from './checkpoint.ts'
import { LOSS_SCALE } from './precision.ts'
import { recomputed, type Recompute } from './recompute.ts'
import { next, rowStateOf, stateOf } from './state.ts'
import { repeated } from './step.ts'

export interface StepSessionOptions extends Pick<SessionOptions, 'device' | 'threads' | 'denormalsAsZero'> {
  /** Numbers for the symbols in the step's shapes. */
  sizes: Readonly<Record<string, number>>
  /** Convolutions by fewer multiplications, which round 3 to 5 times as coarsely (fast, the default), or as the runtime computes them (direct). */
  numerics?: 'fast' | 'direct'
  /** Computes activations a second time in the backward pass instead of keeping them: less memory, more time; see `recomputed` (false). */
  recompute?: Recompute | undefined
  /** Steps in one run of the runtime: 8 on CUDA, which copies the state to the host after each run, else 1, and always where rows of tables move. */
  stepsPerRun?: number
}

/** What one step is fed beside its state. */
export type Feeds = Readonly<Record<string, Tensor>>

const CUDA_STEPS = 8

/** A training step on a device, and its state in the layout that the device likes. */
export class StepSession {
  readonly device: Device
  /** Steps that `run` takes at most. */
  readonly stepsPerRun: number
  readonly #lowered: Lowered
  readonly #single: Session
  readonly #several: Session | null
  readonly #rowState: ReturnType<typeof rowStateOf>
  #state: Record<string, Tensor> = {}
  /** State that steps write to row by row: this session's own copies. */
  #tables: Record<string, Tensor> = {}

  private constructor(device: Device, stepsPerRun: number, lowered: Lowered, single: Session, several: Session | null, rowState: ReturnType<typeof rowStateOf>) {
    this.device = device
    this.stepsPerRun = stepsPerRun
    this.#lowered = lowered
    this.#single = single
    this.#several = several
    this.#rowState = rowState
  }

  /** Compiles a step. `state` has the layout of the model. */
  static async open(step: Graph, state: State, { sizes, numerics = 'fast', recompute = false, stepsPerRun, ...options }: StepSessionOptions): Promise<StepSession> {
    if (stepsPerRun !== undefined) requireWhole('stepsPerRun', stepsPerRun, 1)
    const device = await resolveDevice(options.device ?? 'auto')
    const rowState = rowStateOf(step)
    const count = rowState.size ? 1 : (stepsPerRun ?? (device === 'cuda' ? CUDA_STEPS : 1))
    const lowered = lower(step, device, { sizes, numerics, state: stateOf(step) })
    const settings: SessionOptions = { ...options, device, memoryPattern: false }
    const graph = recomputed(lowered.graph, recompute)
    const single = await Session.create(graph, settings)
    const several = count > 1 ? await Session.create(repeated(graph, count), settings) : null
    const session = new StepSession(device, count, lowered, single, several, rowState)
    session.state = state
    return session
  }

  /** The state as the model has it: a copy, which later steps leave as it is. */
  get state(): State {
    return { ...this.current, ...copied(this.#tables) }
  }

  /** The state as the model has it until the next step, which writes to tables in place. */
  get current(): State {
    return { ...this.#lowered.unpack(this.#state), ...this.#tables }
  }

  set state(state: State) {
    const isTable = (name: string) => this.#rowState.has(name)
    const part = (belongs: (name: string) => boolean) => Object.fromEntries(Object.entries(state).filter(([name]) => belongs(name)))
    this.#state = this.#lowered.pack(part((name) => !isTable(name)))
    this.#tables = copied(part(isTable))
  }

  /** A number of the state, such as how many steps were skipped; undefined where this step has no such state. */
  number(name: string): number | undefined {
    return this.#state[name]?.toNumbers()[0]
  }

  /**
   * Takes a step for each of the feeds, up to one whose loss is not finite: that one leaves the state as it was, unless a loss scale is there to skip it.
   * @returns the loss of each step, that one's included.
   */
  async run(feeds: readonly Feeds[]): Promise<number[]> {
    if (this.#several && feeds.length === this.stepsPerRun) {
      const losses = await this.#take(this.#several, stacked(feeds))
      if (losses) return losses
    }
    const losses: number[] = []
    for (const feed of feeds) {
      const loss = await this.#take(this.#single, feed)
      losses.push(...(loss ?? [NaN]))
      if (!loss) break
    }
    return losses
  }

  /** Null where a loss is not finite; the state then stays. */
  async #take(session: Session, feeds: Feeds): Promise<number[] | null> {
    const results = await session.run({ ...feeds, ...this.#state, ...this.#tables })
    const losses = results.loss.toNumbers()
    if (!losses.every(Number.isFinite) && !this.#state[LOSS_SCALE]) return null
    this.#state = Object.fromEntries(Object.keys(this.#state).map((name) => [name, results[next(name)]]))
    for (const [name, { rows, values }] of this.#rowState) writeRows(this.#tables[name], results[rows], results[values])
    return losses
  }

  async release(): Promise<void> {
    await this.#single.release()
    await this.#several?.release()
  }
}

/** Writes rows over those of a table, in place. */
function writeRows({ bytes, shape }: Tensor, rows: Tensor, values: Tensor): void {
  const width = bytes.length / shape[0]
  rows.toNumbers().forEach((row, i) => bytes.set(values.bytes.subarray(i * width, (i + 1) * width), row * width))
}

/** Tensors with memory of their own. */
export const copied = (tensors: State): Record<string, Tensor> => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.copy()]))

/** One feed of several: each tensor gets a leading axis. */
function stacked(feeds: readonly Feeds[]): Feeds {
  return Object.fromEntries(Object.entries(feeds[0]).map(([name, { dtype, shape }]) => {
    const bytes = Buffer.concat(feeds.map((feed) => feed[name].bytes))
    return [name, Tensor.raw(dtype, [feeds.length, ...shape], new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice())]
  }))
}
