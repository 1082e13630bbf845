import type { Identifier, Node, ObjectExpression, ObjectPattern, Program } from 'acorn'
import { ancestor } from 'acorn-walk'
import { declares } from './scopes.ts'

/** A place where a program uses a variable of its top or of what is around it. */
export interface Reference {
  node: Identifier
  /** Whether it is an assignment, but no declaration. */
  isAssigned: boolean
  /** Whether it also names a property: `{ x }`. */
  isShorthand: boolean
}

/** What has a pattern that is no declaration. */
const ASSIGNING = new Set(['AssignmentExpression', 'ForInStatement', 'ForOfStatement'])
const PATTERNS = new Set(['ObjectPattern', 'ArrayPattern', 'RestElement', 'AssignmentPattern'])

/** The uses of the names, in turn; where a name is declared anew inside a function or a block, it is another variable there. */
export function referencesTo(names: ReadonlySet<string>, program: Program): Reference[] {
  if (names.size === 0) return []
  const found: Reference[] = []
  const shorthand = new Set<Node>()
  const note = (node: Identifier, ancestors: readonly Node[], isPattern: boolean) => {
    if (!names.has(node.name) || ancestors.some((scope) => scope !== program && declares(scope, node.name))) return
    const around = ancestors.slice(0, -1).findLast(({ type }) => !isPattern || !PATTERNS.has(type))!
    if (!isNameOf(node, around)) found.push({ node, isAssigned: isPattern ? ASSIGNING.has(around.type) : isTarget(node, around), isShorthand: false })
  }
  const noteShorthand = ({ properties }: ObjectExpression | ObjectPattern) => {
    for (const property of properties) {
      if (property.type !== 'Property' || !property.shorthand) continue
      shorthand.add(property.value.type === 'AssignmentPattern' ? property.value.left : property.value)
    }
  }
  ancestor(program, {
    Identifier: (node, _, ancestors) => note(node, ancestors, false),
    VariablePattern: (node: Identifier, _: unknown, ancestors: Node[]) => note(node, ancestors, true),
    ObjectExpression: noteShorthand,
    ObjectPattern: noteShorthand,
  } as Parameters<typeof ancestor>[1])
  for (const reference of found) reference.isShorthand = shorthand.has(reference.node)
  return found.sort((a, b) => a.node.start - b.node.start)
}

/** Whether it is what a function or a class is called. */
function isNameOf(node: Identifier, { type, id }: Node & { id?: Node | null }): boolean {
  return id === node && type !== 'VariableDeclarator'
}

/** `x++`, `for (x of y)`. */
function isTarget(node: Identifier, { type, left }: Node & { left?: Node }): boolean {
  return type === 'UpdateExpression' || (left === node && /^For(?:In|Of)Statement$/.test(type))
}
