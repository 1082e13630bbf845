import type { Graph, Node } from './graph.ts'
import { Tensor } from './tensor.ts'

/** From this operator set on every reduction but ReduceSum takes its axes as an input, and Split its number of parts. */
const NEWEST = 18
/** Before it, operators changed in ways that no rewriting of single nodes follows: padding, clipping, resizing. */
const OLDEST = 11

/** Since when an operator takes its axes as an input. */
const AXES: Readonly<Record<string, number>> = {
  Squeeze: 13, Unsqueeze: 13, ReduceSum: 13,
  ...Object.fromEntries(['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((name) => [`Reduce${name}`, 18])),
}

/**
 * Rewrites a graph of operator set 11 to 17 in set 18; a newer one stays as it is. https://github.com/onnx/onnx/blob/main/docs/Changelog.md
 * @throws Error naming what cannot be rewritten.
 */
export function raiseOpset(graph: Graph): void {
  const version = graph.opsets.get('') ?? 1
  if (version >= NEWEST) return
  if (version < OLDEST) throw new Error(`${graph.name} is written in ONNX's operator set ${version}, and ${OLDEST} is the oldest that can be brought up to ${NEWEST}: export it anew`)
  for (const node of graph.allNodes()) if (!node.domain) raise(node, version)
  graph.opsets.set('', NEWEST)
}

function raise(node: Node, version: number): void {
  const { type } = node
  if ((AXES[type] ?? 0) > version) toInput(node, 'axes')
  if (type === 'Split') {
    if (version < 13) toInput(node, 'split')
    if (!node.inputs[1]) node.set('num_outputs', node.outputs.length)
  }
  if (type === 'Dropout' && version < 12 && node.attributes.has('ratio')) {
    node.setInput(1, node.graph.constant(Tensor.float32([], [node.float('ratio')]), `${node.output.name}_ratio`))
    node.attributes.delete('ratio')
  }
  if (/^(Log)?Softmax$|^Hardmax$/.test(type) && version < 13) alongLastAxis(node)
  if (type === 'BatchNormalization' && version < 14 && node.outputs.slice(1).some((output) => output.uses.length)) throw new Error(`${node} was exported in training mode: export the network in evaluation mode`)
  if (type === 'RoiAlign' && version < 16) throw new Error(`${node} samples otherwise from operator set 16 on, and the graph has ${version}: export it anew`)
}

/** An attribute of integers as the second input. */
function toInput(node: Node, name: string): void {
  if (!node.attributes.has(name)) return
  const integers = node.ints(name)
  node.setInput(1, node.graph.constant(Tensor.of('int64', [integers.length], integers), `${node.output.name}_${name}`))
  node.attributes.delete(name)
}

/** Before set 13 all axes from `axis` on were one: the same where it is the last. */
function alongLastAxis(node: Node): void {
  const axis = node.int('axis', 1)
  const rank = node.output.rank
  if (axis !== -1 && axis + 1 !== rank) throw new Error(`${node} normalizes over all axes from ${axis} on, which operator set 13 no longer has: export it anew`)
  node.set('axis', -1)
}
