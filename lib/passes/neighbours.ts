import { Graph, type Node, type Use, type Value } from '../graph/graph.ts'
import { labelOf } from './pass.ts'

/** Constants of more elements are not looked through. */
const LARGEST_UNIFORM = 4096

/** Why `value` cannot be merged into its reader: what else reads it, or null where nothing does. */
export function alsoFeeds(value: Value, reader: Node): string | null {
  const others = [...new Set(value.uses.filter(({ user }) => user !== reader).map((use) => userText(use, value)))]
  return others.length ? `${value.producer ? labelOf(value.producer) : value.name} also feeds ${others.join(', ')}` : null
}

function userText({ user }: Use, value: Value): string {
  return user instanceof Graph ? `the output "${value.name}"` : labelOf(user)
}

/** What computes a value, as a refusal names it. */
export function originOf(value: Value): string {
  if (value.producer) return `${value.producer}`
  return value.initializer ? `the stored "${value.name}"` : `the input "${value.name}"`
}

/** The number that a constant holds in every element; null where it is no constant, or holds several. */
export function numberOf(value: Value | null | undefined): number | null {
  const tensor = value?.constant
  if (!tensor || tensor.dtype === 'string' || !tensor.size || tensor.size > LARGEST_UNIFORM) return null
  const numbers = tensor.toNumbers()
  return numbers.every((x) => x === numbers[0]) ? numbers[0]! : null
}

/** The two operands of a commutative node, the one that meets the condition first; null where neither does. */
export function operands(node: Node, condition: (value: Value) => boolean): readonly [found: Value, other: Value] | null {
  const [a, b] = [node.inputs[0], node.inputs[1]]
  if (!a || !b) return null
  return condition(a) ? [a, b] : condition(b) ? [b, a] : null
}

/** The node of this ONNX operator that computes a value which nothing else reads but `reader`; null where there is none. */
export function soleProducer(value: Value | null | undefined, type: string, reader: Node): Node | null {
  const node = value?.producer
  return node?.type === type && !node.domain && !alsoFeeds(value!, reader) ? node : null
}

/** The node of this ONNX operator that alone reads a value; null where there is none. */
export function soleReader(value: Value, type: string): Node | null {
  const [reader] = value.users
  return value.uses.length === 1 && reader?.type === type && !reader.domain ? reader : null
}
