import { Dataset } from '../data/dataset.ts'
import { DataLoader } from '../data/loader.ts'
import { formatShape, multiply, substitute } from '../graph/dim.ts'
import type { Graph, Value } from '../graph/graph.ts'
import { inferShapes } from '../graph/infer.ts'
import { build } from '../nn/build.ts'
import type { Layer } from '../nn/layers.ts'
import { Model } from '../nn/model.ts'
import { requireWhole, told } from '../require.ts'
import { evaluationMode, isTraining } from './mode.ts'
import { adam, adamW, rmsprop, sgd, type Optimizer } from './optimizer.ts'

/** Optimizers by name, with PyTorch's defaults. */
const OPTIMIZERS = { sgd, adam, adamW, rmsprop }

export type OptimizerName = keyof typeof OPTIMIZERS

/** @throws RangeError where there is no optimizer of that name; TypeError where it is neither a name nor an optimizer. */
export function optimizerOf(optimizer: Optimizer | OptimizerName): Optimizer {
  const wayOut = `choose ${Object.keys(OPTIMIZERS).join(', ')}, or one such as sgd({ lr: 0.1, momentum: 0.9 })`
  if (typeof optimizer === 'string') {
    if (!Object.hasOwn(OPTIMIZERS, optimizer)) throw new RangeError(`there is no optimizer "${optimizer}": ${wayOut}`)
    return OPTIMIZERS[optimizer]()
  }
  if (typeof optimizer?.update !== 'function') throw new TypeError(`optimizer is ${told(optimizer)}: ${wayOut}`)
  return optimizer
}

/** The model itself, as it is used, or the one that a layer makes for the data set's samples. */
export function modelOf<Label>(model: Model | Layer, dataset: Dataset<Label>, seed: number): Model {
  if (model instanceof Model) return model.graph.nodes().some(isTraining) ? new Model(evaluationMode(model.graph.copy())) : model
  if (typeof model !== 'function') throw new TypeError(`what is trained is a Model or a layer, not ${told(model)}`)
  const inputs = Object.entries(dataset.batch(1)).map(([name, { dtype, shape }]) => [name, { dtype, shape: ['N', ...shape.slice(1)] }] as const)
  return build(model, Object.fromEntries(inputs), { seed })
}

/** @throws TypeError where there is anything but a data set, such as a loader of one. */
export function checkData(dataset: unknown): void {
  if (dataset instanceof DataLoader) throw new TypeError(`fit takes a data set and makes its batches itself: give it the loader's \`dataset\`, and batchSize, workers and transforms as options`)
  if (!(dataset instanceof Dataset)) throw new TypeError(`what is trained or validated on is a Dataset, such as Dataset.of makes, not ${told(dataset)}`)
}

/** @throws RangeError where a data set does not fill a batch. */
export function checkBatch<Label>(dataset: Dataset<Label>, batchSize: number): void {
  if (dataset.size === 0) throw new RangeError(`${dataset.name} holds no samples`)
  requireWhole('batchSize', batchSize, 1)
  if (dataset.size < batchSize) throw new RangeError(`${dataset.name}: ${dataset.size} samples do not fill a batch of ${batchSize}`)
}

/** @throws Error where a model reads other inputs than the data set's samples have. */
export function checkInputs<Label>({ graph, name }: Model, dataset: Dataset<Label>): void {
  const samples = dataset.batch(1)
  for (const { name: input, dtype, shape } of graph.inputs) {
    const given = samples[input]
    if (!given) throw new Error(`${name} reads "${input}", and the samples of ${dataset.name} have ${Object.keys(samples).map((key) => `"${key}"`).join(', ')}`)
    if (given.dtype !== dtype || given.shape.length !== shape?.length || shape.slice(1).some((d, i) => typeof d === 'number' && d !== given.shape[i + 1]))
      throw new Error(`${name} reads "${input}" as ${dtype}${formatShape(shape)}, and the samples of ${dataset.name} are ${given.dtype}[${['N', ...given.shape.slice(1)].join(', ')}]${given.dtype === 'uint8' && dtype !== 'uint8' ? ': put toFloat() among its transforms' : ''}`)
  }
}

/** @throws RangeError naming a batch norm that a step would normalize by the variance of one value. `sizes` are those of the shapes' symbols. */
export function checkNorms({ graph }: Model, step: Graph, sizes: Readonly<Record<string, number>>, batchSize: number): void {
  const scales = new Set(step.nodes('BatchNormTrain').map((node) => node.input(1).name))
  for (const node of graph.nodes('BatchNormalization').filter((it) => scales.has(it.input(1).name))) {
    const [batch, , ...places] = (node.input(0).shape ?? [null]).map((dim) => substitute(dim, sizes))
    if (multiply(batch!, ...places) === 1) throw new RangeError(`${node} has one value a channel in a batch of ${batchSize}, and one value has no variance: take a larger batchSize, or batchNorm: 'running'`)
  }
}

/** The network for samples of one size: what its inputs leave open is as long as in the data, but for the batch. */
export function sizedFor<Label>(graph: Graph, dataset: Dataset<Label>): Graph {
  const samples = dataset.batch(1)
  const isOpen = ({ shape }: Value) => shape?.slice(1).some((d) => typeof d !== 'number')
  if (!graph.inputs.some(isOpen)) return graph
  const copy = graph.copy()
  for (const input of copy.inputs) input.shape = input.shape?.map((d, axis) => (axis === 0 ? d : samples[input.name]!.shape[axis]!)) ?? null
  return inferShapes(copy)
}

/** @throws RangeError naming a sample with a token that an embedding has no row for. */
export function checkTokens<Label>({ graph, name }: Model, dataset: Dataset<Label>): void {
  const tables = graph.inputs.flatMap((input) => tablesRead(input).map((table) => ({ input: input.name, table, rows: table.constant!.shape[0]! })))
  if (!tables.length) return
  for (const { inputs, indices } of dataset.batches(SOME)) {
    for (const { input, table, rows } of tables) {
      const { data, shape } = inputs[input]!
      const at = (data as BigInt64Array).findIndex((token) => token < 0 || token >= rows)
      if (at >= 0) throw new RangeError(`${dataset.name}: sample ${indices[Math.floor((at * shape[0]!) / data.length)]} has the token ${data[at]} in "${input}", and ${table} of ${name} has ${rows} rows, 0 to ${rows - 1}`)
    }
  }
}

/** Samples that are looked at together. */
const SOME = 1000

const MOVING: ReadonlySet<string> = new Set(['Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity', 'Cast'])

/** The stored tables whose rows a value tells, as it is or in another shape. */
function tablesRead(value: Value): Value[] {
  if (value.dtype !== 'int64' && value.dtype !== 'int32') return []
  return value.users.flatMap((node) => {
    if (MOVING.has(node.type)) return tablesRead(node.output)
    const isLookup = node.type === 'Gather' && node.inputs[1] === value && node.int('axis') === 0 && node.input(0).constant
    return isLookup ? [node.input(0)] : []
  })
}
