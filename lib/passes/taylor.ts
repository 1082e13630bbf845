import type { Dataset } from '../data/dataset.ts'
import { Builder } from '../graph/builder.ts'
import { Graph, type Value } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'
import type { Port } from '../graph/operator.ts'
import { named } from '../runtime/boundary.ts'
import { filledUp, fixedBatch } from '../runtime/samples.ts'
import { Session } from '../runtime/session.ts'
import { gradients } from '../train/gradient.ts'
import { crossEntropy, type Loss } from '../train/loss.ts'
import { eachRow } from './affine.ts'
import type { Criterion } from './criterion.ts'

export interface TaylorOptions<Label> {
  /** Samples that the loss is taken over. */
  data: Dataset<Label>
  /** What channels are to keep low (cross entropy). */
  loss?: Loss
  /** Samples at a time (32). */
  batch?: number
}

/**
 * How much the loss would change without a channel, to first order: (Σ g·w)² over the weights that compute it, the mean over batches. Molchanov et al. 2019,
 * https://arxiv.org/abs/1906.10771
 * @throws TypeError without data; Error where an operator between the weights and the loss is not differentiable.
 */
export function taylor<Label>({ data, loss = crossEntropy, batch = 32 }: TaylorOptions<Label>): Criterion {
  if (!data?.size) throw new TypeError('taylor: data takes the samples that the loss is taken over, a data set with labels')
  return {
    name: 'taylor', reads: 'weights',
    async score(axes, graph) {
      const sums = axes.map(({ value, axis }) => new Float64Array(Number(value.shape![axis])))
      const session = await Session.create(withGradients(graph, axes, data, loss), { spinning: false })
      try {
        const fixed = fixedBatch(graph)
        for (const { inputs, labels } of data.batches(fixed ?? batch)) {
          const results = await session.run(filledUp({ ...named(graph, inputs), target: data.target(labels) }, fixed ?? labels.length))
          axes.forEach(({ value, axis }, i) => {
            const gradient = results[`gradient_${i}`].toFloat32()
            const weights = value.constant!.toFloat32()
            const changes = sums[i].map(() => 0)
            eachRow(value.constant!.shape, axis, (entry, from, to) => {
              let change = 0
              for (let at = from; at < to; at++) change += weights[at] * gradient[at]
              changes[entry] += change
            })
            changes.forEach((change, entry) => (sums[i][entry] += change ** 2))
          })
        }
      } finally {
        await session.release()
      }
      return sums
    },
  }
}

/** The graph with the gradients of the loss as its only outputs. */
function withGradients<Label>(graph: Graph, axes: readonly Port[], data: Dataset<Label>, loss: Loss): Graph {
  const copy = new Graph()
  const map = new Map<Value, Value>()
  graph.copyInto(copy, map)
  for (const dropout of copy.nodes('Dropout')) dropout.output.replaceWith(dropout.input(0))
  const example = data.target(data.labels.slice(0, 1))
  const target = copy.input('target', example.dtype, [copy.inputs[0]?.shape?.[0] ?? null, ...example.shape.slice(1)])
  const lossValue = loss(new Builder(copy), copy.outputs[0], target)
  const wrt = axes.map(({ value }) => map.get(value)!)
  const found = gradients(copy, lossValue, [...new Set(wrt)])
  copy.truncateOutputs(0)
  wrt.forEach((value, i) => copy.addOutput(copy.add('Identity', [found.get(value)!], {}, { outputs: [`gradient_${i}`], types: [value] }).output))
  copy.removeUnused()
  copy.sort()
  return inferShapes(copy)
}
