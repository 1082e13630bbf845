import os from 'node:os'
import { Builder } from '../graph/builder.ts'
import { formatShape, isStatic } from '../graph/dim.ts'
import { Graph } from '../graph/graph.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { convolutions, geometryKey, lower, type Choices, type Geometry, type Lowered } from '../lower/index.ts'
import { progress } from '../progress.ts'
import { random } from '../random.ts'
import { Session, type BoundRun, type SessionOptions } from '../runtime/session.ts'
import { choicesFile, keepChoices, keptChoices } from './choices-file.ts'
import { median } from './stats.ts'

export interface ChooseOptions extends Pick<SessionOptions, 'threads'> {
  /** Numbers for the symbols in the graph's shapes, such as the batch size: { N: 64 }. */
  readonly sizes?: Readonly<Record<string, number>>
  /** Where choices are kept (`choices.json` in the user's cache). */
  readonly file?: string
}

/** How many times as fast a convolution must be alone to be lowered in the network, where conversions around it cost time too: each is tried. */
const GAINS = [1, 1.15, 1.3, 1.5]

/** By how much a lowered network must be faster than the runtime's own way to be worth its rounding. */
const WORTHWHILE = 0.03

/**
 * How each convolution of a network is computed fastest on this machine's CPU, for `lower`. Each is timed alone; then the network with those lowered that won, or
 * won by far, with all lowered, and as it is. Where nothing wins, all are 'direct': the lowered network is then what the runtime makes of it. Timed once for a machine, a network
 * and its sizes, and kept.
 * @throws Error naming an input whose size is not known.
 */
export async function choose(graph: Graph, { sizes = {}, threads, file = choicesFile() }: ChooseOptions = {}): Promise<Choices> {
  const settings = { device: 'cpu', ...(threads !== undefined && { threads }) } as const
  const layers = convolutions(graph, sizes)
  const machine = [os.cpus()[0]?.model, os.arch(), os.availableParallelism(), threads]
  const key = [...machine, ...graph.nodes().map(({ type }) => type), ...layers.map(geometryKey)].join(' ')
  const kept = keptChoices(file, key)
  if (kept) return kept

  const bar = progress(`Timing ${graph.name}`, layers.length + 1)
  const gains = new Map<string, number>()
  const directBelow = (gain: number): Choices => Object.fromEntries([...gains].filter(([, alone]) => alone < gain).map(([layer]) => [layer, 'direct']))
  try {
    for (const layer of layers) {
      const [asItIs, lowered] = await medians([{ [geometryKey(layer)]: 'direct' } as const, {}].map((choices) => single(layer, choices)), settings)
      gains.set(geometryKey(layer), asItIs! / lowered!)
      bar.tick()
    }
    const direct = directBelow(Infinity)
    const candidates = different([direct, ...GAINS.map(directBelow), {}])
    const [asItIs, ...lowered] = await medians(candidates.map((choices) => lower(graph, 'cpu', { sizes, choices })), settings)
    const best = Math.min(...lowered)
    const chosen = best < asItIs! * (1 - WORTHWHILE) ? candidates[lowered.indexOf(best) + 1]! : direct
    keepChoices(file, key, chosen)
    return chosen
  } finally {
    bar.done()
  }
}

const different = (choices: readonly Choices[]): Choices[] => [...new Map(choices.map((choice) => [Object.keys(choice).join(), choice])).values()]

/** A convolution alone. Its input counts as state, so that its conversion is not timed. */
function single({ batch, channels, filters, axes: [rows, columns] }: Geometry, choices: Choices): Lowered {
  const graph = new Graph('a convolution')
  const x = graph.input('x', 'float32', [batch, channels, rows.input, columns.input])
  const w = graph.constant(noise([filters, channels, rows.taps, columns.taps]), 'w')
  const after = ({ input, output, taps, stride, padding }: typeof rows) => Math.max(0, (output - 1) * stride + taps - input - padding)
  const pads = [rows.padding, columns.padding, after(rows), after(columns)]
  const y = new Builder(graph).op('Conv', [x, w], { kernel_shape: [rows.taps, columns.taps], strides: [rows.stride, columns.stride], pads })
  graph.addOutput(y, 'y')
  return lower(graph, 'cpu', { choices, state: new Map([['x', 'y']]) })
}

/** At least so many runs of each, and so much time on each. */
const ROUNDS = 5
const SECONDS = 0.2

/** Median seconds of a run of each, in turn. */
async function medians(contenders: readonly Lowered[], settings: SessionOptions): Promise<number[]> {
  const sessions = await Promise.all(contenders.map(({ graph }) => Session.create(graph, settings)))
  const runs = contenders.map(({ graph }, i) => sessions[i]!.bind(feedsOf(graph)))
  const samples = runs.map((): number[] => [])
  for (const run of runs) await timed(run)
  const start = performance.now()
  for (let round = 0; round < ROUNDS || performance.now() - start < SECONDS * 1000 * runs.length; round++)
    for (const [i, run] of runs.entries()) samples[i]!.push(await timed(run))
  await Promise.all(sessions.map((session) => session.release()))
  return samples.map(median)
}

async function timed(run: BoundRun): Promise<number> {
  const start = performance.now()
  await run()
  return performance.now() - start
}

function feedsOf(graph: Graph): Record<string, Tensor> {
  return Object.fromEntries(graph.inputs.filter(({ initializer }) => !initializer).map(({ name, dtype, shape }) => {
    if (!isStatic(shape)) throw new Error(`${graph.name}: the input "${name}" is ${formatShape(shape)}, and timing needs numbers: give \`sizes\` for its symbols`)
    return [name, dtype === 'float32' ? noise(shape) : Tensor.zeros(dtype ?? 'float32', shape)]
  }))
}

function noise(shape: readonly number[]): Tensor {
  const source = random(1)
  return Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next() - 0.5))
}
