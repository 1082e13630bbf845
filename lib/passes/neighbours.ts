import { Graph, type Node, type Use, type Value } from '../graph/graph.ts'
import { labelOf } from './pass.ts'

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
