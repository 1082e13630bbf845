import { Builder } from '../graph/builder.ts'
import { isStatic, symbol, type Dim } from '../graph/dim.ts'
import { copyNode, Graph, type Value } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'
import type { BatchNormStatistics } from '../graph/operator.ts'
import { Tensor, type DataType } from '../graph/tensor.ts'
import { raiseOpset } from '../graph/opset.ts'
import { verify } from '../graph/verify.ts'
import { gradients, sourcesOf } from './gradient.ts'
import { lossIn, type Loss } from './loss.ts'
import { trainingMode } from './mode.ts'
import { autocast, lossScale, type Precision } from './precision.ts'
import { touchedRows, whole } from './moving.ts'
import { averagedName, next, rowStateOf, stateOf, StepState } from './state.ts'
import { writeUpdates, type UpdateOptions } from './update.ts'

export { next, stateOf } from './state.ts'

export interface StepOptions extends Pick<UpdateOptions, 'optimizer' | 'clip' | 'accumulate' | 'ema'> {
  loss: Loss
  /** Type and shape of what the output is compared with, such as labels: { dtype: 'int64', shape: ['N'] }. */
  target: { dtype: DataType; shape: readonly (Dim | string)[] }
  /** What dropout depends on beside the step (0). */
  seed?: number
  /**
   * By which statistics batch norms normalize: the batch's, which moves the running ones; or the running ones, which stay (the batch's; the running ones where
   * no training ever moved these though the layer's shift is learned: such a network was trained with them fixed).
   */
  batchNorm?: BatchNormStatistics | undefined
  /** The learning rate is an input `lr` instead of the optimizer's (false). */
  scheduled?: boolean
  /** What it computes in; parameters are float32 (float32). */
  precision?: Precision | null
  /** Of a table that only one lookup reads, an embedding's, the rows move that the step read, and what is remembered of these alone (false; in `fit` on the CPU true where the optimizer leaves the others anyway, as SGD without momentum and weight decay does). It goes with neither `accumulate` nor `ema`. */
  lazyEmbeddings?: boolean
}

/**
 * A network's whole training step as one graph: the model's inputs, `target`, every trainable parameter that the loss depends on and the optimizer's state go in; `loss` and the
 * new state (`next.NAME`) come out; of tables with `lazyEmbeddings` the rows that moved (`next_rows.NAME`), and which they are (`rows.NAME`). Batch normalization uses the batch's statistics and moves its running ones, unless `batchNorm` says otherwise; dropout drops.
 * @param model its first output is what the loss sees.
 * @throws Error naming a node that is not differentiable, an operator set that is too old, or an option out of its bounds; where there is nothing to train, or the loss is no single float.
 */
export function trainingStep(model: Graph, options: StepOptions): Graph {
  const { loss, optimizer, target, seed = 0, batchNorm, scheduled = false, precision = null, lazyEmbeddings = false, ...updating } = options
  const graph = model.copy()
  raiseOpset(graph)
  if (!graph.outputs[0]) throw new Error(`${model.name} has no output to train on`)
  checkTrainable(graph)
  graph.metadata.clear()
  const state = new StepState(graph)
  const updates = new Builder(graph, 'update_')
  const step = once(() => {
    const before = state.input('step', 'float32', [])
    const number = updates.add(before, 1)
    state.set(before, number)
    return number
  })

  const running = trainingMode(graph, { seed, batchNorm, step })
  const parameters = graph.parameters.map((value) => {
    const input = state.adopt(value)
    return { input, moving: (lazyEmbeddings && touchedRows(input, state)) || whole(input, state) }
  })
  graph.sort()
  if (precision) autocast(graph, precision)
  const builder = new Builder(graph)
  const lossValue = lossIn(builder, loss, graph.outputs[0], state.fed('target', target.dtype, target.shape.map((d) => (typeof d === 'string' ? symbol(d) : d))))
  const scale = precision && precision.lossScale !== 1 ? lossScale(updates, state, precision.lossScale) : null
  const sources = sourcesOf(lossValue)
  // what the loss does not depend on stays as it is, as PyTorch leaves a parameter that has no gradient: weight decay passes it by
  const isMoved = ({ moving: { own } }: (typeof parameters)[number]) => sources.has(own.now)
  for (const it of parameters) if (!isMoved(it)) state.leave(it.input)
  const moving = parameters.filter(isMoved).map((it) => it.moving)
  if (!moving.length) throw new Error(`${model.name}: nothing can be learned from this loss, since it depends on none of the parameters. It is computed from the network's output, its second argument.`)
  const gradientOf = gradients(graph, scale ? builder.mul(lossValue, scale.value) : lossValue, moving.map(({ own }) => own.now))
  const lr = scheduled ? state.fed('lr', 'float32', []) : optimizer.lr
  const finite = writeUpdates(updates, state, moving.map((it) => [it, gradientOf.get(it.own.now)!]), { ...updating, optimizer, lr, scale, step })
  for (const [value, moved] of running) {
    const before = state.adopt(value)
    state.set(before, finite ? updates.op('Where', [finite, moved, before]) : moved)
  }

  graph.name = `${model.name}_step`
  graph.truncateOutputs(0)
  state.write(lossValue)
  graph.removeUnused()
  graph.sort()
  verify(graph)
  return graph
}

/** @throws Error where there is nothing to train, or in 16 bits, with the way out. */
function checkTrainable(graph: Graph): void {
  const half = graph.parameters.find(({ dtype }) => dtype === 'float16' || dtype === 'bfloat16')
  if (half) throw new Error(`${graph.name}: ${half} is ${half.dtype}, and what is learned is kept in float32: train before halfPrecision, and in 16 bits by the option \`precision\``)
  if (graph.parameters.length) return
  const integers = graph.nodes().some(({ type }) => type === 'DequantizeLinear' || /Integer$|^QLinear/.test(type))
  const reason = integers ? 'it is quantized, and integers are not learned: train it before, or with passes.quantizeAware()'
    : graph.initializers.some(({ frozen }) => frozen) ? 'all its parameters are frozen: say model.unfreeze()' : 'it has no parameters'
  throw new Error(`${graph.name}: there is nothing to train, since ${reason}`)
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
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

/** The state that a step's first run is fed: the model's own tensors, and what the optimizer begins with. */
export function initialState(step: Graph, model: Graph): Record<string, Tensor> {
  const stored = new Map(model.initializers.map((value) => [value.name, value.initializer!]))
  const [names, tables] = [stateOf(step), rowStateOf(step)]
  return Object.fromEntries(step.inputs.filter(({ name }) => names.has(name) || tables.has(name)).map((input) => {
    const known = stored.get(input.name) ?? input.initializer ?? stored.get(averagedName(input.name) ?? '')
    if (!known && (!isStatic(input.shape) || !input.dtype)) throw new Error(`the shape of ${input} is not known`)
    return [input.name, known ?? Tensor.zeros(input.dtype!, input.shape as readonly number[])]
  }))
}
