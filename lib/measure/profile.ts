import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tensors } from '../runtime/boundary.ts'
import type { ModelSource } from '../runtime/model.ts'
import { Session, type BoundRun, type SessionOptions } from '../runtime/session.ts'
import { median } from './stats.ts'
import { table, type TableBundle } from '../table.ts'
import { grouped, operatorTimes, type OperatorTime } from './trace.ts'
import { percentText, timeText } from '../units.ts'

export interface ProfileOptions extends Omit<SessionOptions, 'profile'> {
  /** Runs that count (10); two more go before. */
  readonly runs?: number
}

const WARM_UP_RUNS = 2
const DISPLAY = Symbol.for('Jupyter.display')

/**
 * Where a model's time goes, operator by operator, by ONNX Runtime's own profiler. What it names are the operators that really ran: fused ones
 * where the graph optimization fuses. The model is run in turn with and without the profiler, which tells what watching costs.
 * https://onnxruntime.ai/docs/performance/tune-performance/profiling-tools.html
 */
export async function profile(model: ModelSource, feeds: Tensors, options: ProfileOptions = {}): Promise<Profile> {
  const { runs = 10, ...settings } = options
  const folder = await mkdtemp(join(tmpdir(), 'hone-profile-'))
  const sessions: Session[] = []
  const open = async (extra: SessionOptions) => {
    const session = await Session.create(model, { ...settings, ...extra })
    sessions.push(session)
    return session
  }
  try {
    const plain = await open({})
    const profiled = await open({ profile: join(folder, 'trace') })
    const cost = await slowdown(plain.bind(feeds), profiled.bind(feeds), runs)
    profiled.endProfile()
    const [file] = await readdir(folder)
    const { nodes, total } = operatorTimes(JSON.parse(await readFile(join(folder, file), 'utf8')), WARM_UP_RUNS)
    return new Profile(nodes, total, runs, cost)
  } finally {
    await Promise.all([...sessions.map((session) => session.release()), rm(folder, { recursive: true, force: true })])
  }
}

/** How much longer the second takes than the first, as a share, from runs in turn. */
async function slowdown(first: BoundRun, second: BoundRun, runs: number): Promise<number> {
  const times: { first: number; second: number }[] = []
  for (let i = 0; i < WARM_UP_RUNS + runs; i++) times.push({ first: await seconds(first), second: await seconds(second) })
  const counted = times.slice(WARM_UP_RUNS)
  return median(counted.map((pair) => pair.second)) / median(counted.map((pair) => pair.first)) - 1
}

async function seconds(run: BoundRun): Promise<number> {
  const start = performance.now()
  await run()
  return (performance.now() - start) / 1000
}

/** An operator profile. Shows itself as a table by type of operator; `nodes` has each one. */
export class Profile {
  /** One entry a node, the costliest first. */
  readonly nodes: readonly OperatorTime[]
  /** One entry a type of operator, the costliest first. */
  readonly types: readonly OperatorTime[]
  /** Seconds of all counted runs together, between the operators too. */
  readonly total: number
  readonly runs: number
  /** How much longer a run took for being watched, as a share of an unwatched one. */
  readonly cost: number

  constructor(nodes: readonly OperatorTime[], total: number, runs: number, cost: number) {
    this.nodes = nodes
    this.types = byType(nodes, total)
    this.total = total
    this.runs = runs
    this.cost = cost
  }

  [DISPLAY](): TableBundle {
    const between = this.total - this.nodes.reduce((sum, { seconds: s }) => sum + s, 0)
    const caption = `${this.runs} runs, ${timeText(this.total / this.runs)} each, ${percentText(between / this.total)} of it between operators. Watching made a run ${percentText(this.cost)} longer.`
    return table(
      this.types,
      [
        { heading: 'operator', cell: ({ type }) => type },
        { heading: 'calls per run', cell: ({ calls }) => String(calls / this.runs) },
        { heading: 'time per run', cell: (row) => timeText(row.seconds / this.runs) },
        { heading: 'mean of a call', cell: ({ mean }) => timeText(mean) },
        { heading: 'share', cell: ({ share }) => percentText(share) },
      ],
      caption,
    )
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this[DISPLAY]()['text/plain']
  }
}

function byType(nodes: readonly OperatorTime[], total: number): OperatorTime[] {
  return [...grouped(nodes, ({ type }) => type)]
    .map(([type, members]) => {
      const calls = members.reduce((sum, node) => sum + node.calls, 0)
      const spent = members.reduce((sum, node) => sum + node.seconds, 0)
      return { name: type, type, calls, seconds: spent, mean: spent / calls, share: spent / total }
    })
    .toSorted((a, b) => b.seconds - a.seconds)
}
