import { parse, type ExportNamedDeclaration, type ImportDeclaration, type Node, type Pattern, type Program, type VariableDeclaration } from 'acorn'
import { base, simple } from 'acorn-walk'
import MagicString from 'magic-string'
import { SourceError } from './typescript.ts'

/** The global through which a rewritten cell reaches the kernel (see CellRuntime in executor.ts). */
export const RUNTIME = '__hone'

/**
 * Rewrites a cell's JavaScript into a script for V8's REPL mode:
 * - everything declared at the top is declared with `let`, the only kind that a later cell may declare again;
 * - imports go through the kernel, because `import()` fails in REPL mode;
 * - every await goes through the kernel's guard, so that an interrupt ends it;
 * - the value of a last expression is handed to the kernel.
 * Throws a SourceError.
 */
export function rewrite(code: string): MagicString {
  const program = parseModule(code)
  const text = new MagicString(code)
  const prologue = ["'use strict';", ...(/\bDeno\b/.test(code) ? [`let Deno = ${RUNTIME}.deno;`] : [])]
  for (const statement of program.body) {
    if (statement.type === 'ImportDeclaration') {
      prologue.push(importStatement(statement))
      text.remove(statement.start, statement.end)
    } else if (statement.type === 'ExportNamedDeclaration') {
      unexport(text, statement)
    } else if (statement.type.startsWith('Export')) {
      throw sourceErrorAt(code, statement.start, 'a cell exports nothing: remove this line, or write `export` before a declaration.')
    }
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type === 'VariableDeclaration' && declaration.kind === 'const') {
      text.overwrite(declaration.start, declaration.start + 'const'.length, 'let')
    } else if (declaration?.type === 'FunctionDeclaration') {
      text.remove(declaration.id.start, declaration.id.end)
      text.prependRight(declaration.start, `let ${declaration.id.name} = `).appendLeft(declaration.end, ';')
      if (declaration.start > 0) text.move(declaration.start, declaration.end, 0)
    }
  }
  const variables = hoistVariables(program, text)
  if (variables.size > 0) prologue.push(`let ${[...variables].join(', ')};`)
  guardAwaits(program, text)
  showLast(program, text)
  return text.prepend(`${prologue.join(' ')} `)
}

function parseModule(code: string): Program {
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  } catch (error) {
    const { pos, message } = error as SyntaxError & { pos: number }
    const plain = code[pos] === '@' ? 'decorators cannot be used in a cell.' : message.replace(/ \(\d+:\d+\)$/, '')
    throw sourceErrorAt(code, pos, plain)
  }
}

function sourceErrorAt(code: string, position: number, message: string): SourceError {
  const before = code.slice(0, position).split('\n')
  return new SourceError(message, before.length, before.at(-1)?.length ?? 0)
}

function importStatement({ specifiers, source, attributes }: ImportDeclaration): string {
  const nameOf = (node: { type: string; name?: string; value?: unknown }) => node.name ?? JSON.stringify(node.value)
  const names: string[] = []
  let namespace = ''
  for (const specifier of specifiers) {
    if (specifier.type === 'ImportNamespaceSpecifier') namespace = specifier.local.name
    else if (specifier.type === 'ImportDefaultSpecifier') names.push(`default: ${specifier.local.name}`)
    else names.push(`${nameOf(specifier.imported)}: ${specifier.local.name}`)
  }
  const pairs = attributes.map(({ key, value }) => `${nameOf(key)}: ${JSON.stringify(value.value)}`)
  const options = pairs.length > 0 ? `, { with: { ${pairs.join(', ')} } }` : ''
  const load = `await ${RUNTIME}.guard(${RUNTIME}.import(${JSON.stringify(source.value)}${options}));`
  if (namespace === '') return names.length > 0 ? `let { ${names.join(', ')} } = ${load}` : load
  return `let ${namespace} = ${load}${names.length > 0 ? ` let { ${names.join(', ')} } = ${namespace};` : ''}`
}

function unexport(text: MagicString, statement: ExportNamedDeclaration): void {
  text.remove(statement.start, statement.declaration?.start ?? statement.end)
}

/** Turns each `var` outside a function into an assignment, and answers with the names to declare. */
function hoistVariables(program: Program, text: MagicString): Set<string> {
  const declarations: VariableDeclaration[] = []
  const loopHeads = new Set<Node | null | undefined>()
  const rememberHead = ({ left, init }: { left?: Node; init?: Node | null }) => loopHeads.add(left ?? init)
  const outsideFunctions = { ...base, Function() {}, StaticBlock() {} }
  simple(
    program,
    {
      VariableDeclaration: (node) => node.kind === 'var' && declarations.push(node),
      ForStatement: rememberHead,
      ForInStatement: rememberHead,
      ForOfStatement: rememberHead,
    },
    outsideFunctions,
  )
  const names = new Set<string>()
  for (const node of declarations) {
    for (const { id } of node.declarations) namesIn(id).forEach((name) => names.add(name))
    const isHead = loopHeads.has(node)
    text.overwrite(node.start, node.start + 'var'.length, isHead ? '' : 'void (')
    if (!isHead) text.appendLeft(node.declarations.at(-1)!.end, ')')
  }
  return names
}

function namesIn(pattern: Pattern | null): string[] {
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

function guardAwaits(program: Program, text: MagicString): void {
  simple(program, {
    AwaitExpression({ start, end }) {
      text.appendLeft(start + 'await'.length, ` ${RUNTIME}.guard(`).appendLeft(end, ')')
    },
    ForOfStatement({ await: isAsync, right }) {
      if (isAsync) text.appendLeft(right.start, `${RUNTIME}.iterate((`).appendLeft(right.end, '))')
    },
    ImportExpression({ start }) {
      text.overwrite(start, start + 'import'.length, `${RUNTIME}.import`)
    },
    MetaProperty({ start, end, meta }) {
      if (meta.name === 'import') text.overwrite(start, end, `${RUNTIME}.meta`)
    },
  })
}

function showLast(program: Program, text: MagicString): void {
  const last = program.body.findLast((statement) => statement.type !== 'EmptyStatement')
  if (last?.type !== 'ExpressionStatement') return
  const end = text.original[last.end - 1] === ';' ? last.end - 1 : last.end
  text.prependRight(last.start, `${RUNTIME}.last((`).appendLeft(end, '))')
}
