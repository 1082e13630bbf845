import type { ExportNamedDeclaration, Function as FunctionNode, ImportDeclaration, Node, Pattern, Program, Statement, VariableDeclaration } from 'acorn'
import { base, simple } from 'acorn-walk'

/** The names that a pattern binds or assigns. */
export function namesIn(pattern: Pattern | null): string[] {
  switch (pattern?.type) {
    case 'Identifier':
      return [pattern.name]
    case 'ObjectPattern':
      return pattern.properties.flatMap((property) => namesIn(property.type === 'Property' ? property.value : property.argument))
    case 'ArrayPattern':
      return pattern.elements.flatMap(namesIn)
    case 'RestElement':
      return namesIn(pattern.argument)
    case 'AssignmentPattern':
      return namesIn(pattern.left)
    default:
      return []
  }
}

/** The names that stand for values somewhere, but for those that are only exported. */
export function namesUsed(program: Program): Set<string> {
  const names = new Set<string>()
  simple(program, { Identifier: ({ name }) => void names.add(name) })
  return names
}

/** A walker's base that does not enter functions. */
export const outsideFunctions = { ...base, Function() {}, StaticBlock() {} }

/** Whether a node is a scope that has a declaration of a name. */
export function declares(node: Node, name: string): boolean {
  return namesOfScope(node as Node & Parts).includes(name)
}

interface Parts {
  id?: Pattern | null
  params?: Pattern[]
  param?: Pattern | null
  init?: Node | null
  left?: Node
  body?: Node | Statement[]
  cases?: { consequent: Statement[] }[]
}

function namesOfScope({ type, id = null, params, param = null, init, left, body, cases }: Node & Parts): string[] {
  switch (type) {
    case 'FunctionDeclaration':
    case 'ArrowFunctionExpression':
      return [...params!.flatMap(namesIn), ...hoisted(body as FunctionNode['body'])]
    case 'FunctionExpression':
      return [...namesIn(id), ...params!.flatMap(namesIn), ...hoisted(body as FunctionNode['body'])]
    case 'ClassDeclaration':
    case 'ClassExpression':
      return namesIn(id)
    case 'CatchClause':
      return namesIn(param)
    case 'ForStatement':
      return lexical(init)
    case 'ForInStatement':
    case 'ForOfStatement':
      return lexical(left)
    case 'BlockStatement':
    case 'StaticBlock':
      return (body as Statement[]).flatMap(lexical)
    case 'SwitchStatement':
      return cases!.flatMap(({ consequent }) => consequent.flatMap(lexical))
    default:
      return []
  }
}

/** The names that a statement declares for what stands around it. */
export function declared(node: Node | null | undefined): string[] {
  if (node?.type === 'ExportNamedDeclaration') return declared((node as ExportNamedDeclaration).declaration)
  if (node?.type === 'ImportDeclaration') return (node as ImportDeclaration).specifiers.map(({ local }) => local.name)
  if (node?.type === 'VariableDeclaration') return (node as VariableDeclaration).declarations.flatMap(({ id }) => namesIn(id))
  if (node?.type === 'FunctionDeclaration' || node?.type === 'ClassDeclaration') return namesIn((node as Node & Parts).id ?? null)
  return []
}

/** What a statement declares within its block, loop or `switch`. */
function lexical(node: Node | null | undefined): string[] {
  return (node as Partial<VariableDeclaration> | null | undefined)?.kind === 'var' ? [] : declared(node)
}

/** The `var` variables of a function. */
function hoisted(body: Node): string[] {
  const names: string[] = []
  simple(body, { VariableDeclaration: (node) => void (node.kind === 'var' && names.push(...declared(node))) }, outsideFunctions)
  return names
}
