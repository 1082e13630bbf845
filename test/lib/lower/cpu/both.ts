import assert from 'node:assert/strict'
import { Builder } from '../../../../lib/graph/builder.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { sizeOf, Tensor } from '../../../../lib/graph/tensor.ts'
import { verify } from '../../../../lib/graph/verify.ts'
import { lower, type LowerOptions } from '../../../../lib/lower/index.ts'
import { random } from '../../../../lib/random.ts'
import { relativeDistance, runGraph, type Tensors } from '../../graph/run.ts'

/** Numbers between -1 and 1 without ties. */
export function noise(shape: readonly number[], seed: number): Tensor {
  const source = random(seed)
  return Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => source.next() * 2 - 1))
}

/** A graph whose inputs have the given shapes, written by a function of its values. */
export function graphOf(shapes: Readonly<Record<string, readonly number[]>>, write: (builder: Builder, ...inputs: Value[]) => readonly Value[]): Graph {
  const graph = new Graph('small')
  const inputs = Object.entries(shapes).map(([name, shape]) => graph.input(name, 'float32', shape))
  write(new Builder(graph), ...inputs).forEach((value, i) => graph.addOutput(value, `out.${i}`))
  return verify(graph)
}

/** Runs a graph as it is and lowered for the CPU, on noise, and compares all outputs. @returns the lowered graph, and how far apart they are at most. */
export async function compareLowered(graph: Graph, options: LowerOptions = {}): Promise<{ lowered: Graph; distance: number }> {
  const feeds = Object.fromEntries(graph.inputs.map((input, i) => [input.name, noise(input.shape as readonly number[], i + 1)]))
  const { graph: lowered } = lower(graph, 'cpu', options)
  return { lowered, distance: largestDistance(await runGraph(lowered, feeds), await runGraph(graph, feeds)) }
}

/** The largest relative L2 distance between tensors of one name. */
export function largestDistance(found: Tensors, expected: Tensors): number {
  assert.deepEqual(Object.keys(found), Object.keys(expected))
  return Math.max(...Object.keys(expected).map((name) => {
    assert.deepEqual(found[name]!.shape, expected[name]!.shape, name)
    return relativeDistance(found[name]!.toNumbers(), expected[name]!.toNumbers())
  }))
}

/** Types of the nodes. */
export const typesOf = (graph: Graph): ReadonlySet<string> => new Set(graph.nodes().map(({ type }) => type))
