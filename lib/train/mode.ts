import { Builder } from '../graph/builder.ts'
import type { Graph, Node, Value } from '../graph/graph.ts'
import type { BatchNormStatistics } from '../graph/operator.ts'
import { operatorOf } from '../graph/ops/index.ts'
import { requireOneOf, requireWhole } from '../require.ts'

export interface TrainingModeOptions {
  /** What randomness depends on beside the step. */
  seed: number
  /** By which statistics batch norms normalize (the batch's; the running ones where these never moved though the layer's shift is learned). */
  batchNorm?: BatchNormStatistics | undefined
  /** Number of the step, a float32 scalar. */
  step: () => Value
}

/**
 * Turns a network from how it is used into how it is trained, in place: each node becomes what its operator's file says of training (batch statistics,
 * dropout, gates kept for the gradient).
 * @returns stored tensors that a step moves though no gradient does, such as running means, each with its new value.
 * @throws Error naming a node that cannot be trained, or an option that is out of its bounds.
 */
export function trainingMode(graph: Graph, { seed, batchNorm, step }: TrainingModeOptions): ReadonlyMap<Value, Value> {
  requireWhole('seed', seed)
  if (batchNorm !== undefined) requireOneOf('batchNorm', batchNorm, ['batch', 'running'])
  const moved = new Map<Value, Value>()
  let streams = 0
  for (const node of graph.nodes()) {
    const definition = operatorOf(node)
    if (!definition?.training) continue
    // where layers share what moves, each goes on from where the one before left it
    const inputs = node.inputs.map((value) => (value && moved.get(value)) ?? value ?? undefined!)
    try {
      const form = definition.training({ graph: new Builder(graph, `${node.name}_`), node, inputs, seed, batchNorm, step, stream: () => streams++ })
      if (!form) continue
      form.outputs.forEach((value, i) => node.outputs[i]?.replaceWith(value))
      for (const [value, next] of form.moved ?? []) moved.set(node.inputs[inputs.indexOf(value)]!, next)
    } catch (error) {
      throw new Error(`${node}: ${(error as Error).message}`, { cause: error })
    }
    node.remove()
  }
  graph.sort()
  return moved
}

/**
 * Turns what a file has in training mode, as an export with `training=TrainingMode.TRAINING` writes it, into how the network is used, in place: batch norms normalize by their
 * running statistics, and dropout drops nothing. Their rates stay, for training.
 */
export function evaluationMode(graph: Graph): Graph {
  for (const node of graph.nodes().filter(isTraining)) {
    if (node.type === 'Dropout') node.truncateInputs(2)
    else {
      const { name, inputs, attributes } = node
      const used = graph.add(node.type, inputs, new Map([...attributes].filter(([key]) => key !== 'training_mode')), { name, types: node.outputs })
      node.output.replaceWith(used.output)
      node.remove()
    }
  }
  graph.sort()
  return graph
}

/** Whether a node computes as in training, whatever it is part of. */
export function isTraining(node: Node): boolean {
  if (node.domain) return false
  return node.type === 'Dropout' ? Boolean(node.inputs[2]?.constant?.toNumbers()[0]) : node.type === 'BatchNormalization' && node.int('training_mode') === 1
}
