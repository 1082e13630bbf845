import type { Builder } from '../builder.ts'
import { multiply } from '../dim.ts'
import type { Value } from '../graph.ts'
import { everyDimension, HONE, operator } from '../operator.ts'

/** Dropout as inference runs it: nothing. https://onnx.ai/onnx/operators/onnx__Dropout.html */
export const dropout = operator('Dropout', {
  shape: ([x]) => [x, { dtype: 'bool', shape: x.shape }],
  cost: () => ({ flops: 0 }),
  coupling: everyDimension,
  training({ graph, node, inputs: [x, ratio], step, stream, seed }) {
    const share = ratio ? ratio.constant?.toNumbers()[0] : node.float('ratio', 0.5)
    if (share === undefined) throw new Error('how much it drops is known only at run time')
    if (share === 0) return { outputs: [x] }
    return { outputs: graph.ops('DropoutTrain', [x, step()], { ratio: { type: 'float', value: share }, seed, stream: stream() }, { domain: HONE, outputs: 2 }).slice(0, 1) }
  },
})

/**
 * Dropout in training: (x, step) to (x·scale, scale), where scale is 0 for a share `ratio` of the elements and 1/(1 − ratio) for the others. Which, depends
 * on `seed`, the step, `stream` (a number of its own for each node) and the element's index alone: a run can be repeated, and resumed at any step.
 */
export const dropoutTrain = operator('DropoutTrain', {
  shape: ([x]) => [x, { dtype: x.dtype, shape: x.shape }],
  cost: ([x]) => ({ flops: multiply(x.size, 12) }),
  coupling: everyDimension,
  expansion({ graph, node, inputs: [x, step] }) {
    const kept = 1 - node.float('ratio', 0.5)
    const key = mixed(graph, word(graph, mixedKey(node.int('seed'), node.int('stream'))), graph.cast(step, 'uint32'))
    const count = graph.op('Range', [graph.scalar(0, 'int64'), graph.op('Size', [x]), graph.scalar(1, 'int64')])
    const bits = mixed(graph, key, graph.cast(count, 'uint32'))
    const chosen = graph.op('Less', [bits, word(graph, Math.floor(kept * 2 ** 32))])
    const scale = graph.reshape(graph.mul(graph.cast(chosen, x.dtype), kept ? 1 / kept : 0), graph.shapeOf(x))
    return [graph.mul(x, scale), scale]
  },
  gradient: ({ graph, outputs: [, scale], gradients: [dy] }) => [graph.mul(dy, scale), null],
}, HONE)

/** The generator of lib/random.ts, as a graph's operators: Weyl's sequence, mixed by https://github.com/skeeto/hash-prospector. */
const GOLDEN = 0x9e3779b9
const ROUNDS = [[16, 0x21f0aaad], [15, 0xd35a2d97]] as const
const LAST_SHIFT = 15

const word = (graph: Builder, value: number): Value => graph.scalar(value >>> 0, 'uint32')

/** 32 random bits for each counter, in uint32. */
function mixed(graph: Builder, key: Value, counter: Value): Value {
  const folded = (x: Value, by: number) => graph.op('BitwiseXor', [x, graph.op('BitShift', [x, word(graph, by)], { direction: 'RIGHT' })])
  const begin = graph.op('BitwiseXor', [graph.mul(counter, word(graph, GOLDEN)), key])
  const x = ROUNDS.reduce((v, [shift, factor]) => graph.mul(folded(v, shift), word(graph, factor)), begin)
  return folded(x, LAST_SHIFT)
}

/** The same for two numbers that are known, as one key. */
function mixedKey(seed: number, stream: number): number {
  const folded = (x: number, by: number) => x ^ (x >>> by)
  const once = (key: number, counter: number) => folded(ROUNDS.reduce((x, [shift, factor]) => Math.imul(folded(x, shift), factor), Math.imul(counter, GOLDEN) ^ key), LAST_SHIFT)
  return once(once(0, seed), stream) >>> 0
}
