import { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node'
import type { AttributeInput } from '../../../lib/graph/attribute.ts'
import { Builder } from '../../../lib/graph/builder.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { Graph, type NodeOptions, type Value } from '../../../lib/graph/graph.ts'
import { encodeModel } from '../../../lib/graph/onnx.ts'
import { operatorOf } from '../../../lib/graph/ops/index.ts'
import { isFloat, sizeOf, Tensor, type DataType, type TypedArray } from '../../../lib/graph/tensor.ts'

export type Tensors = Readonly<Record<string, Tensor>>

/** ONNX Runtime over a graph, its optimizations off: each operator does what its own kernel does. */
export async function openGraph(graph: Graph, options: InferenceSession.SessionOptions = {}): Promise<(feeds: Tensors) => Promise<Tensors>> {
  const session = await InferenceSession.create(encodeModel(graph), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 3, ...options })
  return async (feeds) => {
    const results = await session.run(Object.fromEntries(Object.entries(feeds).map(([name, t]) => [name, new RuntimeTensor(t.dtype as 'float32', t.data as Float32Array, t.shape)])))
    return Object.fromEntries(Object.entries(results).map(([name, t]) => [name, Tensor.of(t.type as DataType, t.dims, t.data as TypedArray)]))
  }
}

/** Runs a graph once. */
export async function runGraph(graph: Graph, feeds: Tensors, options: InferenceSession.SessionOptions = {}): Promise<Tensors> {
  return (await openGraph(graph, options))(feeds)
}

/** Numbers without a pattern that a wrong permutation would keep; none is near another or near 0. */
export function scattered(dtype: DataType, shape: readonly number[], seed = 1): Tensor {
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (i % 2 ? -1 : 1) * (0.1 + ((seed * 7919 + i * 617) % 997) / 500))
  return Tensor.of(dtype, shape, values)
}

export function relativeDistance(a: readonly number[], b: readonly number[]): number {
  const norm = (x: readonly number[]) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0))
  return norm(a.map((v, i) => v - b[i]!)) / (norm(b) || 1)
}

export interface OperatorCase {
  type: string
  /** Float tensors are fed and differentiated, unless `constants` says otherwise; others are constants. */
  inputs: readonly (Tensor | null)[]
  attributes?: Readonly<Record<string, AttributeInput>>
  options?: NodeOptions
  /** Inputs whose first axis is the batch: its size is then a symbol in the graph. */
  batched?: readonly number[]
  /** Inputs that are constants although they are floats. */
  constants?: readonly number[]
  /** How many of the outputs a loss may depend on; all by default. */
  results?: number
}

/** Whether an input is fed and differentiated. */
export function isFed({ inputs, constants = [] }: OperatorCase, i: number): boolean {
  return isFloat(inputs[i]?.dtype ?? null) && !constants.includes(i)
}

/** A graph of one node. */
export function single(operator: OperatorCase): { graph: Graph; builder: Builder; fed: readonly Value[]; outputs: readonly Value[] } {
  const { type, inputs, attributes = {}, options = {}, batched = [] } = operator
  const graph = new Graph()
  const builder = new Builder(graph)
  const values = inputs.map((t, i) => t && (isFed(operator, i) ? graph.input(`x${i}`, t.dtype, batched.includes(i) ? [symbol('N'), ...t.shape.slice(1)] : t.shape) : builder.tensor(t)))
  const outputs = builder.ops(type, values, attributes, options)
  return { graph, builder, fed: values.filter((v) => v !== null && !v.initializer) as Value[], outputs }
}

/**
 * How far each float input's gradient of sum(weights · outputs) is from central differences, as relative L2.
 * `step` may be large where the operator is linear.
 */
export async function gradientErrors(operator: OperatorCase, step = 1e-5): Promise<number[]> {
  const feeds = Object.fromEntries(operator.inputs.flatMap((t, i) => (t && isFed(operator, i) ? [[`x${i}`, t]] : [])))
  const forward = single(operator)
  for (const output of forward.outputs) forward.graph.addOutput(output)
  const run = await openGraph(forward.graph)
  const outputs = Object.values(await run(feeds))
  const weights = outputs.slice(0, operator.results).map((t, i) => scattered(isFloat(t.dtype) ? t.dtype : 'float32', t.shape, i + 3))
  const loss = async (inputs: Tensors) => Object.values(await run(inputs)).slice(0, operator.results).reduce((sum, t, i) => {
    const w = weights[i]!.toNumbers()
    return sum + t.toNumbers().reduce((s, v, j) => s + v * w[j]!, 0)
  }, 0)

  const backward = single(operator)
  const node = backward.outputs[0]!.producer!
  const gradients = operatorOf(node)!.gradient!({
    graph: backward.builder, node, inputs: node.inputs.map((v) => v ?? undefined!), outputs: node.outputs,
    gradients: weights.map((w) => backward.builder.tensor(w)), wants: (i) => isFed(operator, i),
  })
  backward.fed.forEach((value) => backward.graph.addOutput(backward.builder.identity(gradients[node.inputs.indexOf(value)]!), `d_${value.name}`))
  const found = await runGraph(backward.graph, feeds)

  const errors: number[] = []
  for (const [name, tensor] of Object.entries(feeds)) {
    const numbers = tensor.toNumbers()
    const differences: number[] = []
    for (const [i, v] of numbers.entries()) {
      const at = (x: number) => loss({ ...feeds, [name]: Tensor.of(tensor.dtype, tensor.shape, numbers.with(i, x)) })
      differences.push(((await at(v + step)) - (await at(v - step))) / (2 * step))
    }
    errors.push(relativeDistance(found[`d_${name}`]!.toNumbers(), differences))
  }
  return errors
}
