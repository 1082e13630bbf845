import { add, elements, multiply, type Dim, type Shape } from './dim.ts'
import type { Graph, Node, Value } from './graph.ts'
import type { Cost } from './operator.ts'
import { operatorOf } from './ops/index.ts'
import { tripCount } from './ops/control.ts'
import { byteLength, type DataType } from './tensor.ts'

/** The work of a node with that of its subgraphs: a loop's body counts as often as it runs, and of two branches the costlier one. */
export function workOf(node: Node): Cost {
  const rule = operatorOf(node)?.cost?.(node.inputs.map((value) => value ?? undefined!), node)
  const own = { macs: rule?.macs ?? 0, flops: rule?.flops ?? 0 }
  if (node.type === 'If') return node.subgraphs.map(graphWork).reduce(costlier)
  const times = node.subgraphs.length ? tripCount(node) : 0
  return node.subgraphs.map(graphWork).reduce((sum, body) => ({ macs: add(sum.macs, multiply(times, body.macs)), flops: add(sum.flops, multiply(times, body.flops)) }), own)
}

function graphWork(graph: Graph): Cost {
  const nodes = graph.nodes().map(workOf)
  return { macs: add(...nodes.map(({ macs }) => macs)), flops: add(...nodes.map(({ flops }) => flops)) }
}

function costlier(a: Cost, b: Cost): Cost {
  if (typeof a.flops !== 'number' || typeof b.flops !== 'number') return { macs: null, flops: null }
  return a.flops >= b.flops ? a : b
}

/** What a node reads: its inputs, and what its subgraphs capture or store. */
export function readsOf(node: Node): Value[] {
  const stored = node.subgraphs.flatMap((graph) => [...graph.initializers, ...graph.nodes().flatMap((inner) => (inner.subgraphs.length ? readsOf(inner) : []))])
  return [...node.inputs.filter((value) => value !== null), ...node.captures, ...stored]
}

/** Bytes of a tensor. */
export function bytesOf(dtype: DataType | null, shape: Shape | null): Dim {
  return dtype ? multiply(elements(shape), byteLength(dtype, 8) / 8) : null
}
