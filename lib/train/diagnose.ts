import type { Graph } from '../graph/graph.ts'
import { isFloat, type Tensor } from '../graph/tensor.ts'
import { Session } from '../runtime/session.ts'
import type { State } from './checkpoint.ts'
import type { Feeds } from './step-session.ts'

/** Where a batch is from. */
export interface Origin {
  /** The data set's name. */
  readonly name: string
  /** Each sample's place in it. */
  readonly indices: readonly number[]
}

/**
 * Why a step's loss is not a number: names the sample, the parameter, or the first layer in which one appears. `step` is the step as it was written, `state`
 * what it was fed.
 */
export async function diagnosis(step: Graph, state: State, feeds: Feeds, origin: Origin): Promise<string> {
  const sample = badSample(feeds, origin)
  if (sample) return `The data holds it: ${sample}.`
  const parameter = Object.keys(state).find((name) => !finite(state[name]))
  if (parameter) return `"${parameter}" is not finite since the step before. Lower the learning rate, or clip the gradients.`
  const layer = await firstLayer(step, { ...feeds, ...state })
  return layer ? `${layer} is the first whose output is not finite. Lower the learning rate, clip the gradients, or look at what enters it.` : 'Lower the learning rate, or clip the gradients.'
}

/** The first node, in the order in which they run, that makes something not finite of finite inputs. */
async function firstLayer(step: Graph, feeds: Feeds): Promise<string | null> {
  const graph = step.copy()
  const nodes = graph.nodes().filter((node) => isFloat(node.output.dtype) && !node.output.isOutput)
  graph.truncateOutputs(0)
  for (const node of nodes) graph.addOutput(node.output)
  graph.removeUnused()
  const session = await Session.create(graph, { device: 'cpu', graphOptimization: 'disabled' })
  try {
    const wanted = Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]]))
    const results = await session.run(wanted)
    const found = nodes.find((node) => results[node.output.name] && !finite(results[node.output.name]))
    return found ? String(found) : null
  } finally {
    await session.release()
  }
}

/** Whether each element of a tensor is a number. */
export const finite = (tensor: Tensor): boolean => !isFloat(tensor.dtype) || tensor.toFloat32().every(Number.isFinite)

/** The first sample of a batch of which something is not finite; null where all is. */
export function badSample(feeds: Feeds, { name, indices }: Origin): string | null {
  const input = Object.keys(feeds).find((key) => feeds[key].shape.length && !finite(feeds[key]))
  if (!input) return null
  const values = feeds[input].toFloat32()
  const at = values.findIndex((value) => !Number.isFinite(value))
  return `"${input}" has ${values[at]} in sample ${indices[Math.floor((at * indices.length) / values.length)]} of ${name}`
}
