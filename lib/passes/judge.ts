import type { Dataset } from '../data/dataset.ts'
import { encodeModel } from '../graph/encode.ts'
import { answers } from '../measure/answers.ts'
import { median } from '../measure/stats.ts'
import type { Model } from '../nn/model.ts'
import { batchOf, firstSamples } from '../runtime/samples.ts'
import type { BoundRun, Session, SessionOptions } from '../runtime/session.ts'

/** What a first look at a network tells. */
export interface Look {
  /** Whether each sample is right. */
  readonly right: readonly boolean[]
  /** ‖outputs − those of the reference‖ / ‖those of the reference‖, in L2. */
  readonly moved: number
  /** Seconds of a run over those of the reference, timed in turn. */
  readonly slowdown: number
  /** Bytes of its file. */
  readonly bytes: number
}

/** Samples that are run at once for their answers, where the network takes any number. */
const BATCH = 100

/** Runs of both networks in turn, at least. */
const ROUNDS = 5

/** Looks at networks beside one of them, the reference: the same samples, times taken in turn. */
export class Judge<Label> {
  readonly #samples: Dataset<Label>
  readonly #settings: SessionOptions
  readonly #feeds: Parameters<Session['bind']>[0]
  readonly #seconds: number
  readonly #reference: Session
  readonly #outputs: readonly Float32Array[]
  readonly #run: BoundRun

  private constructor(samples: Dataset<Label>, settings: SessionOptions, feeds: Parameters<Session['bind']>[0], seconds: number, reference: Session, outputs: readonly Float32Array[]) {
    this.#samples = samples
    this.#settings = settings
    this.#feeds = feeds
    this.#seconds = seconds
    this.#reference = reference
    this.#outputs = outputs
    this.#run = reference.bind(feeds)
  }

  /** @param batch samples of a run that is timed (what the reference fixes, or 1). @param seconds time to measure each network for. */
  static async of<Label>(reference: Model, samples: Dataset<Label>, { batch, seconds, ...settings }: SessionOptions & { readonly batch?: number; readonly seconds: number }): Promise<Judge<Label>> {
    const session = await reference.session(settings)
    try {
      const { outputs } = await seen(session, samples)
      return new Judge(samples, settings, firstSamples(samples, batchOf(session, batch, 1)), seconds, session, outputs)
    } catch (error) {
      await session.release()
      throw error
    }
  }

  /** Seconds of a run of the reference. */
  async latency(): Promise<number> {
    await this.#run()
    const times: number[] = []
    for (let i = 0; i < ROUNDS; i++) times.push(await timed(this.#run))
    return median(times) / 1000
  }

  look(model: Model): Promise<Look> {
    return this.#answered(model, async (session) => ({
      slowdown: await slowdown(this.#run, session.bind(this.#feeds), this.#seconds), bytes: encodeModel(model.graph).byteLength,
    }))
  }

  /** Without a look at its time and size. */
  lookAtAnswers(model: Model): Promise<Pick<Look, 'right' | 'moved'>> {
    return this.#answered(model, async () => ({}))
  }

  /** A network's answers, and what is asked of its session beside. */
  async #answered<More>(model: Model, more: (session: Session) => Promise<More>): Promise<Pick<Look, 'right' | 'moved'> & More> {
    const session = await model.session(this.#settings)
    try {
      const { right, outputs } = await seen(session, this.#samples)
      return { right, moved: distance(this.#outputs, outputs), ...(await more(session)) }
    } finally {
      await session.release()
    }
  }

  async close(): Promise<void> {
    await this.#reference.release()
  }
}

async function seen<Label>(session: Session, samples: Dataset<Label>): Promise<{ right: boolean[]; outputs: Float32Array[] }> {
  const [right, outputs]: [boolean[], Float32Array[]] = [[], []]
  for await (const { output, labels } of answers(session, samples, batchOf(session, undefined, BATCH))) {
    right.push(...samples.correct(output, labels))
    outputs.push(output.toFloat32())
  }
  return { right, outputs }
}

function distance(before: readonly Float32Array[], after: readonly Float32Array[]): number {
  let [moved, norm] = [0, 0]
  before.forEach((a, i) => {
    const b = after[i]!
    for (let k = 0; k < a.length; k++) {
      moved += (b[k]! - a[k]!) ** 2
      norm += a[k]! ** 2
    }
  })
  return moved && Math.sqrt(moved / norm)
}

async function slowdown(reference: BoundRun, run: BoundRun, seconds: number): Promise<number> {
  const ratios: number[] = []
  await reference()
  await run()
  const start = performance.now()
  while (ratios.length < ROUNDS || performance.now() - start < 1000 * seconds) {
    const before = await timed(reference)
    ratios.push((await timed(run)) / before)
  }
  return median(ratios)
}

/** Milliseconds of a run. */
async function timed(run: BoundRun): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}
