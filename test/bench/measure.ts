import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { bench as time, profile, Tensor } from '../../lib/index.ts'
import { nn } from '../../lib/index.ts'
import { random } from '../../lib/random.ts'
import { resnet } from '../lib/measure/networks.ts'
import { figures } from './figures.ts'
import type { Row } from './main.ts'

/** Steps of arithmetic: about a millisecond and a half. */
const STEPS = 400_000

const spin = (steps: number) => () => {
  let x = 0
  for (let i = 0; i < steps; i++) x += Math.sqrt(i)
  return x
}

/** How often planted pairs are told apart on this machine, as it is and under load; and what profiles say of their own cost and completeness. */
export async function bench(print: (row: Row) => void): Promise<void> {
  const row = (name: string, metric: string, unit: string, samples: readonly number[]) => print({ bench: 'measure', case: name, who: 'hone', metric, unit, ...figures(samples) })
  await plantedPairs(row)
  await profiles(row)
}

type PrintRow = (name: string, metric: string, unit: string, samples: readonly number[]) => void

async function plantedPairs(row: PrintRow): Promise<void> {
  const quiet = await trials(200, 1, 0.3)
  row('two equal functions, 200 trials', 'told apart', 'share', [share(quiet, ({ different }) => different)])
  const small = await trials(40, 1.05, 3)
  row('5 % more work, 40 trials', 'told apart', 'share', [share(small, ({ slower }) => slower)])
  const stop = backgroundLoad()
  try {
    const loaded = await trials(20, 1.2, 4)
    row('20 % more work under load on every core, 20 trials', 'told apart', 'share', [share(loaded, ({ slower }) => slower)])
    row('20 % more work under load on every core, 20 trials', 'flagged as noisy', 'share', [share(loaded, ({ noisy }) => noisy)])
  } finally {
    stop()
  }
}

interface Trial {
  readonly different: boolean
  readonly slower: boolean
  readonly noisy: boolean
}

async function trials(count: number, work: number, seconds: number): Promise<Trial[]> {
  const found: Trial[] = []
  for (let seed = 0; seed < count; seed++) {
    const result = await time({ first: spin(STEPS), second: spin(Math.round(STEPS * work)) }, { seconds, seed })
    found.push({ different: result.second.verdict !== 'no difference seen', slower: result.second.verdict === 'slower', noisy: result.about.noisy })
  }
  return found
}

const share = (trialsMade: readonly Trial[], holds: (trial: Trial) => boolean) => trialsMade.filter(holds).length / trialsMade.length

/** Keeps every core busy with something else. */
function backgroundLoad(): () => void {
  const processes = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
  return () => processes.forEach((one) => one.kill('SIGKILL'))
}

async function profiles(row: PrintRow): Promise<void> {
  const source = random(1)
  const picture = Tensor.float32([1, 3, 224, 224], Float32Array.from({ length: 3 * 224 * 224 }, () => source.next()))
  const plates = nn.models.lprnet({ seed: 1 })
  const cases = [
    ['resnet18, batch 1', resnet([2, 2, 2, 2]), { x: picture }],
    ['lprnet, batch 1', plates.graph, { [plates.graph.inputs[0]!.name]: Tensor.zeros('float32', [1, 3, 24, 94]) }],
  ] as const
  for (const [name, graph, feeds] of cases) {
    const { total, stopwatch, cost } = await profile(graph, feeds, { device: 'cpu', runs: 100 })
    row(name, "a profile's sum by an independent stopwatch", 'ratio', [total / stopwatch!])
    row(name, 'cost of watching', 'share', [cost!])
  }
}
