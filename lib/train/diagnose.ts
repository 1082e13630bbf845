import type { Graph } from '../graph/graph.ts'
import { isFloat, type Tensor } from '../graph/tensor.ts'
import { Session } from '../runtime/session.ts'
import type { State } from './checkpoint.ts'
import type { Feeds } from './step-session.ts'

/**
 * Why a step's loss is not a number: names the input, the parameter, or the first layer in which one appears. `step` is the step as it was written, `state`
 * what it was fed.
 */
export async function diagnosis(step: Graph, state: State, feeds: Feeds): Promise<string> {
  const input = Object.keys(feeds).find((name) => !finite(feeds[name]))
  if (input) return `The data holds it: the input "${input}" has ${badSample(feeds[input])}.`
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

/** The first sample of a batch that is not finite, and what it holds. */
function badSample(tensor: Tensor): string {
  const values = tensor.toFloat32()
  const at = values.findIndex((value) => !Number.isFinite(value))
  return `${values[at]} in sample ${Math.floor((at * tensor.shape[0]) / values.length)} of the batch`
}
