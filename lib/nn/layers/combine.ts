import { applied, type Layer } from './layer.ts'

/**
 * One layer after the other. Their parameters are named by position, or by the keys of a record, as PyTorch's Sequential does:
 * `sequential(conv2d(3, 8, 3), relu())`, `sequential({ conv1: conv2d(3, 8, 3), relu: relu() })`.
 */
export function sequential(...layers: readonly Layer[] | [Readonly<Record<string, Layer>>]): Layer {
  const named = Object.entries(typeof layers[0] === 'object' ? layers[0] : (layers as readonly Layer[]))
  return (scope, x) => named.reduce((value, [name, layer]) => applied(layer, scope.child(name), value), x)
}

/** branch(x) + shortcut(x); without a shortcut branch(x) + x. The shortcut's parameters are named `downsample`, the branch's stand beside it. */
export function residual(branch: Layer, shortcut?: Layer): Layer {
  return (scope, x) => scope.op('Add', [applied(branch, scope, x), shortcut ? applied(shortcut, scope.child('downsample'), x) : x])
}

/** What each branch makes of x, joined along an axis: channels by default. */
export function concat(branches: readonly Layer[], { axis = 1 } = {}): Layer {
  return (scope, x) => scope.op('Concat', branches.map((branch, i) => applied(branch, scope.child(i), x)), { axis })
}

/** All axes from the second on become one. */
export const flatten = (): Layer => (scope, x) => scope.op('Flatten', [x])

/**
 * Drops a share `p` of the elements in training, and scales the others by 1/(1 − p); nothing at inference. Without a share to drop it writes nothing.
 * @throws RangeError where p is not a share below 1.
 */
export function dropout(p = 0.5): Layer {
  if (!(p >= 0 && p < 1)) throw new RangeError(`dropout drops a share from 0 to less than 1, not ${p}`)
  return (scope, x) => (p === 0 ? x : scope.op('Dropout', [x, scope.builder.scalar(p, 'float32')]))
}
