import { Builder } from '../graph/builder.ts'
import { isStatic, type Shape } from '../graph/dim.ts'
import { copyNode, Graph, type Node, type Value } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'
import { HONE } from '../graph/operator.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { verify } from '../graph/verify.ts'
import { gradients } from './gradient.ts'
import type { Loss } from './loss.ts'
import type { Optimizer } from './optimizer.ts'

export interface StepOptions {
  loss: Loss
  optimizer: Optimizer
  /** Type and shape of what the output is compared with, such as labels: ['int64', ['N']]. */
  target: { dtype: DataType; shape: Shape }
}

/** From this operator set on every reduction but ReduceSum takes its axes as an input, and Split its number of parts, as gradients are written. */
const OLDEST_OPSET = 18

/** Name of the output that holds the new value of a piece of state. */
export const next = (name: string): string => `next.${name}`

/** A step's state: which output holds the next value of an input. */
export function stateOf(step: Graph): ReadonlyMap<string, string> {
  const outputs = new Set(step.outputs.map((output) => output.name))
  return new Map(step.inputs.map(({ name }) => [name, next(name)] as const).filter(([, output]) => outputs.has(output)))
}

/**
 * A network's whole training step as one graph: the model's inputs, `target`, every trainable parameter and the optimizer's state go in; `loss` and the
 * new state (`next.NAME`) come out. Batch normalization uses the batch's statistics and moves its running ones.
 * @param model its first output is what the loss sees.
 * @throws Error naming a node that is not differentiable, or an operator set that is too old.
 */
export function trainingStep(model: Graph, { loss, optimizer, target }: StepOptions): Graph {
  const version = model.opsets.get('') ?? 1
  if (version < OLDEST_OPSET) throw new Error(`${model.name} is written in ONNX's operator set ${version}, and a training step needs ${OLDEST_OPSET} or newer: export or convert it anew`)
  const graph = model.copy()
  graph.name = `${model.name}_step`
  graph.metadata.clear()
  const output = graph.outputs[0]
  if (!output) throw new Error(`${model.name} has no output to train on`)
  const [dropout] = graph.nodes('Dropout')
  if (dropout) throw new Error(`${dropout} cannot be trained: build ${model.name} with dropout 0`)
  const running = trainBatchNorm(graph)
  const builder = new Builder(graph)
  const parameters = graph.parameters.map((value) => becomeInput(graph, value))
  const lossValue = loss(builder, output, graph.input('target', target.dtype, target.shape))
  const gradientOf = gradients(graph, lossValue, parameters)
  const updates = new Builder(graph, 'update_')
  const updated: [string, Value][] = []
  const step = once(() => {
    const number = updates.add(graph.input('step', 'float32', []), 1)
    updated.push(['step', number])
    return number
  })
  for (const parameter of parameters) {
    const state = optimizer.state.map((slot) => graph.input(`${parameter.name}.${slot}`, parameter.dtype, parameter.shape))
    const moved = optimizer.update({ graph: updates, parameter, gradient: gradientOf.get(parameter)!, state, step })
    updated.push([parameter.name, moved.parameter], ...state.map((slot, i): [string, Value] => [slot.name, moved.state[i]!]))
  }
  for (const [value, moved] of running) updated.push([becomeInput(graph, value).name, moved])
  graph.truncateOutputs(0)
  graph.addOutput(lossValue, 'loss')
  for (const [name, value] of updated) graph.addOutput(value, next(name))
  graph.removeUnused()
  graph.sort()
  verify(graph)
  return graph
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

/** Batch normalizations become their training form. @returns each running statistic with its new value. */
function trainBatchNorm(graph: Graph): Map<Value, Value> {
  const running = new Map<Value, Value>()
  for (const node of graph.nodes('BatchNormalization')) {
    const [y, mean, variance] = batchNormTrain(graph, node)
    node.output.replaceWith(y!)
    running.set(node.input(3), mean!).set(node.input(4), variance!)
    node.remove()
  }
  graph.sort()
  return running
}

function batchNormTrain(graph: Graph, node: Node): readonly Value[] {
  const attributes = { epsilon: { type: 'float', value: node.float('epsilon', 1e-5) }, momentum: { type: 'float', value: 1 - node.float('momentum', 0.9) } } as const
  return new Builder(graph).ops('BatchNormTrain', node.inputs, attributes, { domain: HONE, name: graph.unique(`${node.name}_train`), outputs: 5 })
}

/** Feeds a stored tensor from outside, under its own name. */
function becomeInput(graph: Graph, value: Value): Value {
  const input = graph.input(value.name, value.dtype, value.shape)
  value.replaceWith(input)
  return input
}

/**
 * Several steps in one run, through an ONNX Loop: what is not state gets a leading axis of `steps` batches, `loss` becomes [steps]. Where a provider copies
 * outputs back to the host after each run (CUDA does), the state is copied once.
 */
export function repeated(step: Graph, steps: number): Graph {
  const graph = new Graph(`${step.name}_x${steps}`)
  for (const [domain, version] of step.opsets) graph.opsets.set(domain, version)
  const names = stateOf(step)
  const state = step.inputs.filter((input) => names.has(input.name))
  const batches = step.inputs.filter((input) => !state.includes(input))
  const fed = batches.map((input) => graph.input(input.name, input.dtype, input.shape && [steps, ...input.shape]))
  const carried = state.map((input) => graph.input(input.name, input.dtype, input.shape))
  const builder = new Builder(graph)

  const body = new Graph('step', graph)
  const iteration = body.input(body.unique('iteration'), 'int64', [])
  const condition = body.input(body.unique('condition'), 'bool', [])
  const inner = new Builder(body)
  const map = new Map<Value, Value>()
  state.forEach((input) => map.set(input, body.input(body.unique(`${input.name}.in`), input.dtype, input.shape)))
  batches.forEach((input, i) => map.set(input, inner.gather(fed[i]!, iteration)))
  for (const value of step.initializers) map.set(value, body.constant(value.initializer!, value.name))
  for (const node of step.nodes()) copyNode(node, body, map)
  const result = (name: string) => map.get(step.outputs.find((output) => output.name === name)!)!
  body.addOutput(inner.identity(condition))
  for (const input of state) body.addOutput(result(next(input.name)), body.unique(`${input.name}.out`))
  body.addOutput(result('loss'))

  const trips = builder.tensor(Tensor.scalar('int64', steps), 'trips')
  const always = builder.tensor(Tensor.of('bool', [], [1]), 'always')
  const loop = graph.add('Loop', [trips, always, ...carried], { body }, { outputs: state.length + 1 })
  graph.addOutput(loop.outputs[state.length]!, 'loss')
  state.forEach((input, i) => {
    Object.assign(loop.outputs[i]!, { dtype: input.dtype, shape: input.shape })
    graph.addOutput(loop.outputs[i]!, next(input.name))
  })
  verify(inferShapes(graph))
  return graph
}

/** The state that a step's first run is fed: the model's own tensors, and the optimizer's zeros. */
export function initialState(step: Graph, model: Graph): Record<string, Tensor> {
  const stored = new Map(model.initializers.map((value) => [value.name, value.initializer!]))
  const names = stateOf(step)
  return Object.fromEntries(step.inputs.filter((input) => names.has(input.name)).map((input) => {
    if (!isStatic(input.shape) || !input.dtype) throw new Error(`the shape of ${input} is not known`)
    return [input.name, stored.get(input.name) ?? Tensor.zeros(input.dtype, input.shape)]
  }))
}
