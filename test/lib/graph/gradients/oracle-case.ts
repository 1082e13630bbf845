import type * as tf from '@tensorflow/tfjs'
import type { AttributeInput } from '../../../../lib/graph/attribute.ts'
import type { Builder } from '../../../../lib/graph/builder.ts'
import type { Value } from '../../../../lib/graph/graph.ts'
import { HONE } from '../../../../lib/graph/operator.ts'
import { Tensor } from '../../../../lib/graph/tensor.ts'
import { scattered } from '../run.ts'

/** One computation, written for hone and for each oracle: the gradients of sum(weights · outputs) must agree. */
export interface OracleCase {
  /** Floats are differentiated, others are constants. */
  readonly inputs: readonly Tensor[]
  /** The outputs that the sum is taken of. */
  readonly hone: (graph: Builder, ...x: Value[]) => readonly Value[]
  /** The outputs in PyTorch, of x[0], x[1] ...; or why PyTorch cannot say. */
  readonly torch: string | Lacking
  /** The same in TensorFlow.js; or why it cannot say. */
  readonly tensorflow: ((...x: tf.Tensor[]) => readonly tf.Tensor[]) | Lacking
  /** How central differences are taken (in float64, of ONNX Runtime's own kernels). */
  readonly differences?: Differences
}

/** Why an oracle has no say. */
export interface Lacking {
  readonly lacking: string
}

export const lacking = (reason: string): Lacking => ({ lacking: reason })

/**
 * For operators that ONNX Runtime's CPU has in float32 only: `whole` takes differences of whole numbers, on which float32 is exact where the operator is linear in
 * each input; `each` is the same function of one number; `as` writes the same in operators that it has in float64.
 */
export type Differences = 'whole' | { readonly each: (x: number) => number } | { readonly as: (graph: Builder, ...x: Value[]) => readonly Value[] }

export interface NodeOptions {
  readonly domain?: string
  /** How many outputs it has (1), of which the sum is taken of the first `results` (all). */
  readonly outputs?: number
  readonly results?: number
}

type Oracles = Pick<OracleCase, 'torch' | 'tensorflow' | 'differences'>
export type Attributes = Readonly<Record<string, AttributeInput>>

/** A case of a single node. */
export function node(type: string, inputs: readonly Tensor[], attributes: Attributes, oracles: Oracles, { outputs = 1, results = outputs, domain = '' }: NodeOptions = {}): OracleCase {
  return { inputs, hone: (graph, ...x) => graph.ops(type, x, attributes, { outputs, domain }).slice(0, results), ...oracles }
}

/** A case of one of hone's own nodes. */
export const own: typeof node = (type, inputs, attributes, oracles, options) => node(type, inputs, attributes, oracles, { ...options, domain: HONE })

/** Numbers without a pattern, none near another or near 0. */
export const x = (...shape: number[]): Tensor => scattered('float64', shape)
export const y = (...shape: number[]): Tensor => scattered('float64', shape, 4)
export const z = (...shape: number[]): Tensor => scattered('float64', shape, 9)

export const scaled = (tensor: Tensor, by: number): Tensor => Tensor.of(tensor.dtype, tensor.shape, tensor.toNumbers().map((v) => v * by))
export const positive = (tensor: Tensor): Tensor => Tensor.of(tensor.dtype, tensor.shape, tensor.toNumbers().map(Math.abs))
export const int64 = (shape: readonly number[], values: readonly number[]): Tensor => Tensor.of('int64', shape, values)
