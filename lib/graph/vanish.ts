import type { Node, Value } from './graph.ts'
import type { Port } from './operator.ts'
import { operatorOf } from './ops/index.ts'

/** Operators that make something else of zero. */
const LIFTING: ReadonlySet<string> = new Set([
  'Sigmoid', 'HardSigmoid', 'Softplus', 'Exp', 'Log', 'Reciprocal', 'Cos', 'Not', 'Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'Softmax', 'LogSoftmax',
])

/**
 * Whether entries of an axis are zero where the stored tensors that hang together with them are: as a channel of a convolution is, but not that of a sigmoid, nor
 * what is left of one less a mean. Only then does a sum over the axis stay the same without them.
 */
export function vanishes(port: Port, known = new Map<Value, Map<number, boolean>>()): boolean {
  const { value, axis } = port
  const found = known.get(value)?.get(axis)
  if (found !== undefined) return found
  const answer = value.constant !== null || (value.producer !== null && made(value.producer, port, (input) => vanishes(input, known)))
  known.set(value, (known.get(value) ?? new Map<number, boolean>()).set(axis, answer))
  return answer
}

function made(node: Node, { value, axis }: Port, isZero: (port: Port) => boolean): boolean {
  const tied = node.inputs.map((): Port[] => [])
  for (const { a, b } of operatorOf(node)?.coupling?.(node) ?? []) {
    const other = a.value === value && a.axis === axis ? b : b.value === value && b.axis === axis ? a : null
    if (other) node.inputs.forEach((input, i) => input === other.value && tied[i]!.push(other))
  }
  const zero = (i: number) => tied[i]!.length > 0 && tied[i]!.every(isZero)
  const nothing = (i: number) => !node.inputs[i] || zero(i) || isAll(node.inputs[i], (x) => x === 0)
  if (LIFTING.has(node.type)) return false
  switch (node.type) {
    case 'Mul':
      return zero(0) || zero(1)
    case 'Conv':
    case 'ConvTranspose':
    case 'Gemm':
    case 'MatMul':
      return (zero(1) || zero(0)) && nothing(2)
    case 'BatchNormalization':
    case 'InstanceNormalization':
      return zero(1) && zero(2)
    case 'Add':
    case 'Sub':
    case 'Sum':
    case 'Max':
    case 'Min':
      return node.inputs.every((_, i) => nothing(i))
    case 'Where':
      return nothing(1) && nothing(2)
    case 'Pad':
      return zero(0) && nothing(2) && node.float('value') === 0
    case 'Div':
      return zero(0)
    case 'Pow':
      return zero(0) && isAll(node.input(1), (x) => x > 0)
    case 'Clip':
      return zero(0) && bound(node, 1, 'min', -Infinity) <= 0 && bound(node, 2, 'max', Infinity) >= 0
    default:
      return tied.some((ports) => ports.length) && tied.every((ports) => ports.every(isZero))
  }
}

const isAll = (value: Value, holds: (x: number) => boolean): boolean => value.constant?.toNumbers().every(holds) ?? false
const bound = (node: Node, input: number, name: string, without: number): number => (node.inputs[input] ? (node.inputs[input].constant?.toNumbers()[0] ?? NaN) : node.float(name, without))
