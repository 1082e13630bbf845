import { formatShape } from '../graph/dim.ts'
import type { Value } from '../graph/graph.ts'
import { ones, uniform, zeros } from './init.ts'
import type { Scope } from './scope.ts'

/** A layer writes its nodes for an input, and answers with its output. Arguments and defaults are PyTorch's. */
export type Layer = (scope: Scope, x: Value) => Value

type Pair = number | readonly [number, number]
const pair = (p: Pair): readonly [number, number] => (typeof p === 'number' ? [p, p] : p)

/** One layer after the other; their parameters are named by position, as PyTorch's Sequential does. */
export function sequential(...layers: readonly Layer[]): Layer {
  return (scope, x) => layers.reduce((value, layer, i) => layer(scope.child(i), value), x)
}

export interface Conv2dOptions {
  stride?: Pair
  padding?: Pair
  dilation?: Pair
  groups?: number
  bias?: boolean
}

/** Convolution of x [N, inChannels, H, W] with a weight [outChannels, inChannels/groups, kernel]. */
export function conv2d(inChannels: number, outChannels: number, kernelSize: Pair, { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true }: Conv2dOptions = {}): Layer {
  const kernel = pair(kernelSize)
  const inputs = (inChannels / groups) * kernel[0] * kernel[1]
  return (scope, x) => {
    if (typeof x.shape?.[1] === 'number' && x.shape[1] !== inChannels)
      throw new Error(`${scope.path}: its input ${formatShape(x.shape)} has ${x.shape[1]} channels; did you mean conv2d(${x.shape[1]}, ${outChannels}, ${kernelSize})?`)
    const weight = scope.parameter('weight', [outChannels, inChannels / groups, ...kernel], uniform(1 / Math.sqrt(inputs)))
    const offset = bias ? scope.parameter('bias', [outChannels], uniform(1 / Math.sqrt(inputs))) : null
    const pads = [...pair(padding), ...pair(padding)]
    return scope.builder.op('Conv', [x, weight, offset], { kernel_shape: kernel, strides: pair(stride), pads, dilations: pair(dilation), group: groups }, { name: scope.path })
  }
}

/** x·weightᵀ + bias for x [N, inFeatures] and a weight [outFeatures, inFeatures]. */
export function linear(inFeatures: number, outFeatures: number, { bias = true } = {}): Layer {
  return (scope, x) => {
    const last = x.shape?.at(-1)
    if (typeof last === 'number' && last !== inFeatures) throw new Error(`${scope.path}: its input ${formatShape(x.shape)} has ${last} features; did you mean linear(${last}, ${outFeatures})?`)
    const weight = scope.parameter('weight', [outFeatures, inFeatures], uniform(1 / Math.sqrt(inFeatures)))
    const offset = bias ? scope.parameter('bias', [outFeatures], uniform(1 / Math.sqrt(inFeatures))) : null
    return scope.builder.op('Gemm', [x, weight, offset], { transB: 1 }, { name: scope.path })
  }
}

/** Batch normalization over the channels of x [N, C, ...]. `momentum` is the new batch's share in the running statistics. */
export function batchNorm2d(numFeatures: number, { eps = 1e-5, momentum = 0.1 } = {}): Layer {
  return (scope, x) => {
    const learned = [scope.parameter('weight', [numFeatures], ones), scope.parameter('bias', [numFeatures], zeros)]
    const running = [scope.buffer('running_mean', [numFeatures], zeros), scope.buffer('running_var', [numFeatures], ones)]
    return scope.builder.op('BatchNormalization', [x, ...learned, ...running], { epsilon: eps, momentum: 1 - momentum }, { name: scope.path })
  }
}

const named = (type: string): Layer => (scope, x) => scope.builder.op(type, [x], {}, { name: scope.path || scope.graph.unique(type.toLowerCase()) })

export const relu = (): Layer => named('Relu')
export const sigmoid = (): Layer => named('Sigmoid')
export const tanh = (): Layer => named('Tanh')

/** Nothing at inference. Without a share to drop it writes nothing. */
export function dropout(p = 0.5): Layer {
  return (scope, x) => (p === 0 ? x : scope.builder.op('Dropout', [x, scope.builder.scalar(p, 'float32')], {}, { name: scope.path }))
}

/** All axes from the second on become one. */
export const flatten = (): Layer => named('Flatten')

interface PoolOptions {
  stride?: Pair
  padding?: Pair
}

function pool(type: string, kernelSize: Pair, { stride = kernelSize, padding = 0 }: PoolOptions): Layer {
  return (scope, x) => scope.builder.op(type, [x], { kernel_shape: pair(kernelSize), strides: pair(stride), pads: [...pair(padding), ...pair(padding)] }, { name: scope.path })
}

export const maxPool2d = (kernelSize: Pair, options: PoolOptions = {}): Layer => pool('MaxPool', kernelSize, options)
export const avgPool2d = (kernelSize: Pair, options: PoolOptions = {}): Layer => pool('AveragePool', kernelSize, options)
