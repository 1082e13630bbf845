import { Builder } from '../../../../lib/graph/builder.ts'
import type { Shape } from '../../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../../lib/graph/graph.ts'
import { isFloat, Tensor, type DataType } from '../../../../lib/graph/tensor.ts'
import { gradients } from '../../../../lib/train/gradient.ts'
import { scattered, type Tensors } from '../run.ts'
import type { OracleCase } from './oracle-case.ts'

/** A case as a graph: floats are inputs `x0`, `x1` ... of the given type, all else is constant. */
export interface Written {
  readonly graph: Graph
  readonly builder: Builder
  readonly fed: readonly Value[]
  readonly outputs: readonly Value[]
  readonly feeds: Tensors
}

export function written({ inputs, hone }: OracleCase, dtype: DataType, outputsOf = hone): Written {
  const graph = new Graph()
  const builder = new Builder(graph)
  const as = (tensor: Tensor) => Tensor.of(dtype, tensor.shape, tensor.toNumbers())
  const values = inputs.map((tensor, i) => (isFloat(tensor.dtype) ? graph.input(`x${i}`, dtype, tensor.shape) : builder.tensor(tensor)))
  const outputs = outputsOf(builder, ...values)
  outputs.forEach((output, i) => graph.addOutput(builder.identity(output), `y${i}`))
  const feeds = Object.fromEntries(inputs.flatMap((tensor, i) => (isFloat(tensor.dtype) ? [[`x${i}`, as(tensor)]] : [])))
  return { graph, builder, fed: values.filter((value) => !value.initializer), outputs, feeds }
}

/** By what outputs of some shapes are multiplied before they are added up. */
export function weightsOf(outputs: readonly { readonly shape: Shape | null }[]): readonly Tensor[] {
  return outputs.map(({ shape }, i) => scattered('float64', shape as readonly number[], i + 3))
}

/** Adds the gradient of sum(weights · outputs) by each fed value as outputs `d_x0`, `d_x1` ... */
export function differentiated(it: Written): Written {
  const { graph, builder, fed, outputs } = it
  const parts = weightsOf(outputs).map((weights, i) => {
    const output = outputs[i]!
    const product = builder.mul(output, builder.tensor(Tensor.of(output.dtype!, weights.shape, weights.toNumbers())))
    return builder.op('ReduceSum', [product], { keepdims: 0 })
  })
  const sum = parts.reduce((a, b) => builder.add(a, b))
  for (const [value, gradient] of gradients(graph, sum, fed)) graph.addOutput(builder.identity(gradient), `d_${value.name}`)
  return it
}
