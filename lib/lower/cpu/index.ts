import type { Graph, Node, Value } from '../../graph/graph.ts'
import { mergeEqual } from '../merge-equal.ts'
import { accumulate } from './accumulate.ts'
import { averagePool, averagePoolGrad } from './average-pool.ts'
import { inBlocks } from './blocks.ts'
import { concat, slice, sliceGrad, split } from './channels.ts'
import { columns } from './columns.ts'
import { elementwise, tied } from './elementwise.ts'
import { flatten } from './flatten.ts'
import { geometryKey, geometryOf, type Geometry } from './geometry.ts'
import { homes } from './homes.ts'
import { PLAIN, type Layout } from './layout.ts'
import { Lowering, type Recipe } from './lowering.ts'
import { lstmTrain, lstmTrainGrad } from './lstm.ts'
import { batchNormalization, batchNormTrain, batchNormTrainGrad } from './norm.ts'
import { maxPool, maxPoolGrad } from './pool.ts'
import { poolFirst } from './pool-first.ts'
import { positive } from './positive.ts'
import { overAll, overPixels, overSpace, spread, spreadAll } from './reduce.ts'
import { roundHalves } from './round.ts'
import { scatterInto } from './scatter-into.ts'
import { slidingMax, slidingMaxGrad } from './sliding-max.ts'
import { sumRows } from './sum-rows.ts'
import { winograd } from './winograd.ts'

/** How a convolution is computed: as the runtime does it, by fewer multiplications, or as one matrix product over its columns. */
export type Algorithm = 'direct' | 'winograd' | 'columns'
const algorithms = { winograd, columns }

/** Convolutions decide where the layouts change: what else there is follows them. */
const convolutions: ReadonlySet<string> = new Set(['Conv', 'ConvGradInput', 'ConvGradWeight'])
const followers: Readonly<Record<string, readonly Recipe[]>> = {
  MaxPool: [maxPool, slidingMax],
  MaxPoolGrad: [maxPoolGrad, slidingMaxGrad],
  AveragePool: [averagePool],
  AveragePoolGrad: [averagePoolGrad],
  BatchNormTrain: [batchNormTrain],
  BatchNormTrainGrad: [batchNormTrainGrad],
  BatchNormalization: [batchNormalization],
  ReduceSum: [overPixels],
  ReduceMean: [overSpace, overAll],
  GlobalAveragePool: [overSpace],
  Expand: [spread, spreadAll],
  Slice: [slice],
  SliceGrad: [sliceGrad],
  Concat: [concat],
  Split: [split],
  Flatten: [flatten],
  Reshape: [flatten],
}

/** What is computed otherwise wherever it stands. */
const others: Readonly<Record<string, Recipe>> = { Cast: positive, LstmTrain: lstmTrain, LstmTrainGrad: lstmTrainGrad }

export interface CpuLowering {
  readonly graph: Graph
  /** Layouts of the state that is not held as the source has it, by input. */
  readonly layouts: ReadonlyMap<string, Layout>
}

/**
 * Writes a graph, whose sizes are known, anew in the layouts and operators that ONNX Runtime's CPU provider runs fast.
 * @param source is changed.
 * @param state which output holds the next value of an input.
 * @param algorithmOf of a convolution, by its geometry; undefined leaves it to the lowering.
 */
export function lowerForCpu(source: Graph, state: ReadonlyMap<string, string>, algorithmOf: (geometry: string) => Algorithm | undefined): CpuLowering {
  const isLowered = (node: Node) => convolutionRecipe(node, algorithmOf) !== undefined
  if (source.nodes().some(isLowered)) poolFirst(source, isLowered)
  const leading = new Map(source.nodes().flatMap((node) => entry(node, convolutionRecipe(node, algorithmOf))))
  const following = new Map(source.nodes().flatMap((node) => entry(node, followers[node.type]?.find((recipe) => recipe.layouts(node)))))
  const held = homes(source, leading, following, tied, state)
  const lowering = new Lowering(source, held)
  for (const node of source.nodes().filter(({ output }) => !output.constant)) {
    lowering.at(node)
    const candidates = [leading.get(node) ?? (isHeld(node, following.get(node), held) ? following.get(node) : others[node.type]), elementwise]
    const recipe = candidates.find((candidate) => candidate?.layouts(node))
    if (recipe) recipe.lower(node, lowering)
    else lowering.copy(node)
  }
  const layoutOf = new Map(source.inputs.map((input) => [state.get(input.name), lowering.home(input)]))
  for (const output of source.outputs) lowering.graph.addOutput(lowering.read(output, layoutOf.get(output.name) ?? PLAIN), output.name)
  mergeEqual(lowering.graph)
  accumulate(lowering.graph)
  scatterInto(lowering.graph)
  sumRows(lowering.graph)
  inBlocks(lowering.graph)
  roundHalves(lowering.graph)
  const layouts = source.inputs.map((input) => [input.name, lowering.home(input)] as const)
  return { graph: lowering.graph, layouts: new Map(layouts.filter(([, layout]) => layout !== PLAIN)) }
}

/** Geometries of the convolutions that could be computed otherwise than by the runtime, each once. */
export function convolutionsOf(graph: Graph): readonly Geometry[] {
  const lowerable = graph.nodes('Conv').filter((node) => convolutionRecipe(node, () => undefined))
  return [...new Map(lowerable.map((node) => geometryOf(node)!).map((geometry) => [geometryKey(geometry), geometry])).values()]
}

const entry = (node: Node, recipe: Recipe | undefined): [Node, Recipe][] => (recipe ? [[node, recipe]] : [])

function convolutionRecipe(node: Node, algorithmOf: (geometry: string) => Algorithm | undefined): Recipe | undefined {
  const geometry = convolutions.has(node.type) ? geometryOf(node) : null
  if (!geometry) return undefined
  const chosen = algorithmOf(geometryKey(geometry))
  if (chosen === 'direct') return undefined
  const candidates = chosen ? [algorithms[chosen]] : [columns, winograd]
  return candidates.find((recipe) => recipe.layouts(node))
}

/** Whether one of the node's values is held in the layout that its recipe works in. */
function isHeld(node: Node, recipe: Recipe | undefined, held: ReadonlyMap<Value, Layout>): boolean {
  return [...(recipe?.layouts(node) ?? [])].some(([value, layout]) => held.get(value) === layout)
}
