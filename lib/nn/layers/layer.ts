import { formatShape } from '../../graph/dim.ts'
import { Value } from '../../graph/graph.ts'
import { isFloat } from '../../graph/tensor.ts'
import { requireWhole, told } from '../../require.ts'
import type { Scope } from '../scope.ts'

/**
 * A layer writes its nodes for an input, and answers with its output. Arguments and defaults are PyTorch's. Written again under the same name it shares its
 * parameters; under another name it has new ones. One that makes no layer is a RangeError where it is written; an input that a layer does not fit is an Error
 * where the model is built, with the layer that would fit.
 */
export type Layer = (scope: Scope, x: Value) => Value

/** A size for both axes of an image, or one for each. */
export type Pair = number | readonly [number, number]

export const pair = (p: Pair): readonly [number, number] => (typeof p === 'number' ? [p, p] : p)

/** A layer of one node, without parameters. */
export function operation(type: string, attributes: Parameters<Scope['op']>[2] = {}): Layer {
  return (scope, x) => scope.op(type, [x], attributes)
}

/** A layer with parameters: its own, wherever else one is written under the same name. */
export function learned(write: Layer): Layer {
  const layer: Layer = (scope, x) => write(scope.of(layer), x)
  return layer
}

/** What a layer makes of its inputs. @throws TypeError where it is none, such as `relu` in the place of `relu()`. */
export function applied(layer: (scope: Scope, ...inputs: Value[]) => Value, scope: Scope, ...inputs: Value[]): Value {
  const made: unknown = typeof layer === 'function' ? layer(scope, ...inputs) : layer
  if (made instanceof Value) return made
  throw new TypeError(`${placeOf(scope)}: a layer is what a call such as relu() makes, not ${told(layer)}${made === layer ? '' : `, which answers with ${told(made)} instead of a value`}`)
}

/** @throws RangeError where an argument of a layer is not a whole number, or one for each axis. */
export function requireSizes(layer: string, sizes: Readonly<Record<string, number | readonly number[]>>, least = 1): void {
  for (const [name, size] of Object.entries(sizes)) for (const one of [size].flat()) requireWhole(`${layer}: ${name}`, one, least)
}

/** @throws Error where an input holds whole numbers; with the layer that would fit, where an axis is not as long as expected. */
export function expectInput(scope: Scope, x: Value, axis: number, expected: number, what: 'channels' | 'features', fitting: (size: number) => string): void {
  if (x.dtype !== null && !isFloat(x.dtype))
    throw new Error(`${placeOf(scope)}: its input is ${x.dtype}, and its weights are float32. Numbers are stored as float32; 8-bit pictures become that by toFloat() among the data set's transforms.`)
  const size = x.shape?.at(axis)
  if (typeof size === 'number' && size !== expected)
    throw new Error(`${placeOf(scope)}: its input ${formatShape(x.shape)} has ${size} ${what}, and ${expected} are expected; did you mean ${fitting(size)}?`)
}

/** Where an error is. */
export const placeOf = (scope: Scope): string => scope.path || 'the first layer'
