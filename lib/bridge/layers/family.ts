// @ts-ignore: the package is optional; where it is absent its types are `any`
import type * as TensorFlow from '@tensorflow/tfjs'
import type { Builder } from '../../graph/builder.ts'
import type { Node, Value } from '../../graph/graph.ts'
import type { Tensor } from '../../graph/tensor.ts'
import type { Scope } from '../../nn/scope.ts'
import type { Held } from './held.ts'

export type { TensorFlow }

/** What a layer of TensorFlow.js was made with: `getConfig()`. */
export type Config = Readonly<Record<string, unknown>>

/**
 * A layer of TensorFlow.js on its way into a graph. Values of four axes are images: they stand in the graph as [N, C, H, W]; all others as TensorFlow has them.
 */
export interface Reading {
  readonly scope: Scope
  readonly builder: Builder
  readonly config: Config
  readonly weights: readonly TensorFlow.Tensor[]
  readonly inputs: readonly Value[]
  /** A tensor of the network, learned unless `fixed`. */
  parameter(name: string, weight: TensorFlow.Tensor, fixed?: 'fixed'): Value
  /** @throws Error that names the layer. */
  refuse(reason: string): never
}

/** A node on its way into layers of TensorFlow.js. */
export interface Writing {
  readonly tf: typeof TensorFlow
  readonly node: Node
  /** What was made of an input that the network computes. */
  held(index: number): Held
  /** A stored input; null where there is none. @throws Error where the network computes it. */
  stored(index: number): Tensor | null
  /** Applies a layer that is named after the node, and gives it these weights, which are those of `nodes` (the node): where they are frozen, so is the layer. */
  apply(layer: TensorFlow.layers.Layer, to: TensorFlow.SymbolicTensor | TensorFlow.SymbolicTensor[], weights?: readonly TensorFlow.Tensor[], nodes?: readonly Node[]): TensorFlow.SymbolicTensor
  /** Says that a layer covers another node too: what its output is held as. */
  cover(node: Node, held: Held): void
  /** A name that no layer has yet. */
  name(suffix?: string): string
  /** @throws Error that names the node. */
  refuse(reason: string): never
}

export type Reader = (layer: Reading) => Value
export type Writer = (node: Writing) => Held | readonly Held[]

/** Layers of one kind, both ways: by TensorFlow's name of the layer's class, and by ONNX's name of the operator. */
export interface Family {
  readonly readers: Readonly<Record<string, Reader>>
  readonly writers: Readonly<Record<string, Writer>>
}
