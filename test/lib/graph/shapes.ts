import assert from 'node:assert/strict'
import { Builder } from '../../../lib/graph/builder.ts'
import { formatShape, substitute, symbol, type Shape } from '../../../lib/graph/dim.ts'
import { Graph, type Value } from '../../../lib/graph/graph.ts'
import { isFed, runGraph, single, type OperatorCase, type Tensors } from './run.ts'

/**
 * An operator's shape rule against what ONNX Runtime really gives: with the inputs' sizes known, and again with a symbol for each size above 1
 * (one symbol a size, so that equal sizes stay equal), whose result is true once the symbols have their numbers. `open` says that some sizes may
 * be unknown; otherwise none is.
 */
export async function checkShapes(operator: OperatorCase & { open?: boolean }): Promise<void> {
  const { graph, outputs } = single({ ...operator, batched: [] })
  const feeds: Tensors = Object.fromEntries(graph.inputs.map((input) => [input.name, operator.inputs[Number(input.name.slice(1))]!]))
  for (const output of outputs) graph.addOutput(output)
  const real = Object.values(await runGraph(graph, feeds))
  const known = (shape: Shape | null, i: number) => formatShape(operator.open ? filled(shape, real[i]!.shape) : shape)
  const expected = real.map((t) => formatShape(t.shape))
  assert.deepEqual(outputs.map((v) => v.dtype), real.map((t) => t.dtype), `${operator.type}: types`)
  assert.deepEqual(outputs.map((v, i) => known(v.shape, i)), expected, `${operator.type}: sizes known`)

  const inferred = symbolic(operator)
  const sizes = Object.fromEntries(Object.values(feeds).flatMap((t) => t.shape.map((d) => [`d${d}`, d])))
  const numbers = inferred.map((v, i) => known(v.shape?.map((d) => substitute(d, sizes)) ?? null, i))
  assert.deepEqual(numbers, expected, `${operator.type}: sizes symbolic, inferred as ${inferred.map((v) => formatShape(v.shape))}`)
}

function filled(shape: Shape | null, real: readonly number[]): Shape {
  return shape?.map((d, i) => d ?? real[i]!) ?? real
}

function symbolic(operator: OperatorCase): readonly Value[] {
  const { type, inputs, attributes = {}, options = {} } = operator
  const builder = new Builder(new Graph())
  const values = inputs.map((t, i) => t && (isFed(operator, i) ? builder.graph.input(`x${i}`, t.dtype, t.shape.map((d) => (d > 1 ? symbol(`d${d}`) : d))) : builder.tensor(t)))
  return builder.ops(type, values, attributes, options)
}
