import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Graph } from '../../lib/graph/graph.ts'
import { sizeOf } from '../../lib/graph/tensor.ts'
import { bench as time, nn, profile, Session, Tensor } from '../../lib/index.ts'
import type { Contender } from '../../lib/measure/contender.ts'
import { random } from '../../lib/random.ts'
import { resnet } from '../lib/measure/networks.ts'
import { figures, wanted } from './figures.ts'
import type { BenchOptions, Row } from './main.ts'

/** Steps of arithmetic: about a millisecond. */
const STEPS = 400_000

const spin = (steps: number) => () => {
  let x = 0
  for (let i = 0; i < steps; i++) x += Math.sqrt(i)
  return x
}

/** How often planted pairs are told apart on this machine, as it is and under load; and what profiles say of their own cost and completeness. */
export async function bench(print: (row: Row) => void, { cases, seconds }: BenchOptions): Promise<void> {
  const row: PrintRow = (name, metric, unit, samples) => print({ bench: 'measure', case: name, who: 'hone', metric, unit, ...figures(samples) })
  for (const [name, prove] of wanted(PROOFS, cases)) await prove((metric, unit, samples) => row(name, metric, unit, samples), seconds)
}

type PrintRow = (name: string, metric: string, unit: string, samples: readonly number[]) => void
type Print = (metric: string, unit: string, samples: readonly number[]) => void

const PROOFS: Readonly<Record<string, (print: Print, seconds?: number) => Promise<void>>> = {
  'two equal functions': async (print, seconds = 0.3) => equals(print, await trials(200, seconds, async () => pair(1))),
  'two equal sessions': async (print, seconds = 0.5) => equals(print, await trials(40, seconds, async () => sessions())),
  '5 % more work': async (print, seconds = 2) => print('found slower', 'share', shares(await trials(100, seconds, async () => pair(1.05)), ({ slower }) => slower)),
  'two equal functions, load on every core': (print, seconds = 0.5) => underLoad(async () => equals(print, await trials(40, seconds, async () => pair(1)))),
  '5 % more work, load on every core': (print, seconds = 1.5) => underLoad(async () => flagged(print, await trials(40, seconds, async () => pair(1.05)))),
  '20 % more work, load on every core': (print, seconds = 1.5) => underLoad(async () => flagged(print, await trials(20, seconds, async () => pair(1.2)))),
  'profile of resnet18, batch 1': (print) => profiled(print, resnet([2, 2, 2, 2]), [1, 3, 224, 224]),
  'profile of lprnet, batch 1': (print) => profiled(print, nn.models.lprnet({ seed: 1 }).graph, [1, 3, 24, 94]),
}

type Contenders = Readonly<Record<'first' | 'second', Contender>>

const pair = (work: number): Contenders => ({ first: spin(STEPS), second: spin(Math.round(STEPS * work)) })

/** Two sessions of one network, each with memory of its own. */
async function sessions(): Promise<Contenders> {
  const { graph } = nn.models.mnistCnn({ dropout: false })
  const open = () => Session.create(graph, { device: 'cpu', threads: 1 }).bind({ [graph.inputs[0]!.name]: Tensor.zeros('float32', [1, 1, 28, 28]) })
  return { first: await open(), second: await open() }
}

interface Trial {
  readonly different: boolean
  readonly slower: boolean
  readonly noisy: boolean
  readonly unlikely: boolean
}

async function trials(count: number, seconds: number, contenders: () => Promise<Contenders>): Promise<Trial[]> {
  const found: Trial[] = []
  for (let seed = 0; seed < count; seed++) {
    const { second, about } = await time(await contenders(), { seconds, seed })
    found.push({ different: second.verdict === 'faster' || second.verdict === 'slower', slower: second.verdict === 'slower', noisy: about.noisy, unlikely: second.comparison!.p < 0.05 })
  }
  return found
}

const shares = (made: readonly Trial[], holds: (trial: Trial) => boolean) => [made.filter(holds).length / made.length]

/** Of equal things about one in twenty has a p value below 0.05: that says that the test is right, and the threshold keeps them from being called different. */
function equals(print: Print, made: readonly Trial[]): void {
  print('told apart', 'share', shares(made, ({ different }) => different))
  print('p below 0.05', 'share', shares(made, ({ unlikely }) => unlikely))
}

function flagged(print: Print, made: readonly Trial[]): void {
  print('found slower', 'share', shares(made, ({ slower }) => slower))
  print('flagged as noisy', 'share', shares(made, ({ noisy }) => noisy))
}

async function underLoad(work: () => Promise<void>): Promise<void> {
  const stop = backgroundLoad()
  try {
    await work()
  } finally {
    stop()
  }
}

/** Keeps every core busy with something else. */
function backgroundLoad(): () => void {
  const processes = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
  return () => processes.forEach((one) => one.kill('SIGKILL'))
}

/** A profile's sum by an independent stopwatch, and what watching costs. */
async function profiled(print: Print, graph: Graph, shape: readonly number[]): Promise<void> {
  const source = random(1)
  const feeds = { [graph.inputs[0]!.name]: Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next())) }
  const { total, stopwatch, cost } = await profile(graph, feeds, { device: 'cpu', runs: 100 })
  print('sum by a stopwatch', 'ratio', [total / stopwatch!])
  print('cost of watching', 'share', [cost!.value])
}
