import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import { verify } from '../graph/verify.ts'
import { requireOneOf } from '../require.ts'
import type { Device } from '../runtime/devices.ts'
import { convolutionsOf, lowerForCpu, type Algorithm } from './cpu/index.ts'
import type { Geometry } from './cpu/geometry.ts'
import { pack, PLAIN, unpack, type Layout } from './cpu/layout.ts'
import { widenBfloat16 } from './cuda.ts'
import { lowerStandard } from './standard.ts'
import { withSizes } from './sizes.ts'
import { webgpuExpansions } from './webgpu.ts'

export type { Algorithm } from './cpu/index.ts'
export { geometryKey, type Geometry } from './cpu/geometry.ts'

/** The algorithm of each convolution, by its sizes, as `choose` found them. */
export type Choices = Readonly<Record<string, Algorithm>>

export interface LowerOptions {
  /** Numbers for the symbols in the graph's shapes, such as the batch size: a lowered graph is for these alone. */
  readonly sizes?: Readonly<Record<string, number>>
  /** Convolutions by fewer multiplications, which round 3 to 5 times as coarsely (fast), or as the runtime computes them (direct). */
  readonly numerics?: 'fast' | 'direct'
  readonly choices?: Choices
  /** Which output holds the next value of an input: such state may be held in another layout. */
  readonly state?: ReadonlyMap<string, string>
}

export type Tensors = Readonly<Record<string, Tensor>>

/** What a device runs for a graph. Inputs and outputs are the graph's own, but for state, which `pack` and `unpack` convert. */
export class Lowered {
  readonly graph: Graph
  readonly #layouts: ReadonlyMap<string, Layout>
  readonly #shapes: ReadonlyMap<string, readonly number[]>

  constructor(graph: Graph, layouts: ReadonlyMap<string, Layout> = new Map(), shapes: ReadonlyMap<string, readonly number[]> = new Map()) {
    this.graph = graph
    this.#layouts = layouts
    this.#shapes = shapes
  }

  /** State as the lowered graph takes it. Done once before the first step; the others hand their results on. */
  pack(state: Tensors): Record<string, Tensor> {
    return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, pack(tensor, this.#layouts.get(name) ?? PLAIN)]))
  }

  /** State as the network has it. */
  unpack(state: Tensors): Record<string, Tensor> {
    return Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, unpack(tensor, this.#layouts.get(name) ?? PLAIN, this.#shapes.get(name) ?? tensor.shape)]))
  }
}

/** Expansions are written in this operator set. */
const OPSET = 18

/**
 * Turns a graph, of a training step or of a network, into what a device runs fast. `sizes` gives numbers to the graph's symbols; on the CPU, what still
 * has none stays as it is. For the other devices each of hone's operators becomes ONNX's own, as that device's provider has them. The given graph is not changed.
 */
export function lower(graph: Graph, device: Device, { sizes = {}, numerics = 'fast', choices = {}, state = new Map() }: LowerOptions = {}): Lowered {
  requireOneOf('numerics', numerics, ['fast', 'direct'])
  const copy = graph.copy()
  withSizes(copy, sizes)
  for (const input of copy.inputs) if (state.has(input.name)) copy.requireInput(input)
  if (device === 'webgpu') return new Lowered(verify(lowerStandard(copy, (copy.opsets.get('') ?? 1) >= OPSET ? webgpuExpansions : {})))
  if (device !== 'cpu') return new Lowered(verify(widenBfloat16(lowerStandard(copy))))
  const shapes = new Map(copy.inputs.map((input) => [input.name, input.shape as readonly number[]]))
  const lowered = lowerForCpu(copy, state, (geometry) => (numerics === 'direct' ? 'direct' : choices[geometry]))
  return new Lowered(verify(lowered.graph), lowered.layouts, shapes)
}

/** The sizes of the convolutions for which the CPU lowering has a choice, each once. */
export function convolutions(graph: Graph, sizes: Readonly<Record<string, number>> = {}): readonly Geometry[] {
  return convolutionsOf(withSizes(graph.copy(), sizes))
}
