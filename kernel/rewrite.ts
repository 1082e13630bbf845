import { parse, type FunctionDeclaration, type ImportDeclaration, type Node, type Program, type Statement, type VariableDeclaration } from 'acorn'
import { simple } from 'acorn-walk'
import { MagicString } from 'magic-string'
import { findMisassignment } from './constants.ts'
import { guardCell } from './guards.ts'
import { namesIn, outsideFunctions } from './scopes.ts'
import { SourceError } from './source-error.ts'

/** The global through which a rewritten cell reaches the kernel (runtime.ts). */
export const RUNTIME = '__hone'

/** A rewritten cell, and the names it declares at the top. */
export interface Rewritten {
  text: MagicString
  names: Set<string>
}

/**
 * Rewrites a cell's JavaScript into a script that hands the kernel one asynchronous function, the cell's body:
 * - what the cell declares at the top becomes an assignment, for later cells see it and may declare it again; the kernel
 *   declares the names;
 * - imports go through the kernel, which finds them from the notebook's folder;
 * - awaits and loops go through the kernel, so that an interrupt ends them (guards.ts);
 * - the value of a last expression is handed to the kernel.
 * A name that the person's source does not mention is a compiler's own and stays within the cell. Throws a SourceError.
 */
export function rewrite(code: string, source: string): Rewritten {
  const program = parseModule(code)
  const misassigned = findMisassignment(program)
  if (misassigned !== undefined) throw sourceErrorAt(code, misassigned.start, `${misassigned.name} is a constant and cannot be assigned to.`)
  const text = new MagicString(code)
  guardCell(program, text, RUNTIME)
  replaceModuleSyntax(program, text)
  const imports: string[] = /\bDeno\b/.test(code) ? [`let { deno: Deno } = ${RUNTIME};`] : []
  const names = new Set<string>()
  for (const statement of program.body) {
    if (statement.type === 'ImportDeclaration') {
      imports.push(importStatement(statement))
      for (const { local } of statement.specifiers) names.add(local.name)
      text.overwrite(statement.start, statement.end, ';')
    } else if (statement.type === 'ExportNamedDeclaration') {
      text.overwrite(statement.start, statement.declaration?.start ?? statement.end, ';')
    } else if (statement.type.startsWith('Export')) {
      throw sourceErrorAt(code, statement.start, 'a cell exports nothing: remove this line, or write `export` before a declaration.')
    }
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type === 'ClassDeclaration') {
      names.add(declaration.id.name)
      text.appendLeft(declaration.start, `${declaration.id.name} = `).appendLeft(declaration.end, ';')
    } else if (declaration?.type === 'FunctionDeclaration') {
      names.add(declaration.id.name)
      hoistFunction(text, declaration)
    }
  }
  for (const node of variableDeclarations(program)) assign(text, node, names)
  showLast(program, text)
  const internal = [...names].filter((name) => !source.includes(name) && names.delete(name))
  const declaration = internal.length > 0 ? `let ${internal.join(', ')}; ` : ''
  text.prepend(`'use strict'; ${RUNTIME}.body(async () => { ${declaration}${imports.join(' ')} `).append('\n})')
  return { text, names }
}

function parseModule(code: string): Program {
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  } catch (error) {
    const { pos, message } = error as SyntaxError & { pos: number }
    throw sourceErrorAt(code, pos, message.replace(/ \(\d+:\d+\)$/, ''))
  }
}

function sourceErrorAt(code: string, position: number, message: string): SourceError {
  const before = code.slice(0, position).split('\n')
  return new SourceError(message, before.length, before.at(-1)?.length ?? 0)
}

/** `import a, { b as c } from 'd'` as an assignment. */
function importStatement({ specifiers, source, attributes }: ImportDeclaration): string {
  const nameOf = (node: { name?: string; value?: unknown }) => node.name ?? JSON.stringify(node.value)
  const pairs = attributes.map(({ key, value }) => `${nameOf(key)}: ${JSON.stringify(value.value)}`)
  const options = pairs.length > 0 ? `, { with: { ${pairs.join(', ')} } }` : ''
  const load = `await ${RUNTIME}.guard(${RUNTIME}.import(${JSON.stringify(source.value)}${options}))`
  const named: string[] = []
  let target = ''
  for (const specifier of specifiers) {
    const { name } = specifier.local
    if (specifier.type === 'ImportNamespaceSpecifier') target = `${name} = `
    else named.push(`${specifier.type === 'ImportDefaultSpecifier' ? 'default' : nameOf(specifier.imported)}: ${name}`)
  }
  return named.length > 0 ? `({ ${named.join(', ')} } = ${target}${load});` : `${target}${load};`
}

function hoistFunction(text: MagicString, { start, end, id }: FunctionDeclaration): void {
  text.remove(id.start, id.end)
  text.prependRight(start, `${id.name} = `).appendLeft(end, ';')
  text.appendRight(end, ';')
  if (start > 0) text.move(start, end, 0)
}

interface Variables {
  node: VariableDeclaration
  /** Whether it stands in the head of a loop. */
  isHead: boolean
}

/** The declarations of variables that outlive the cell: all at the top, and every `var` outside a function. */
function variableDeclarations(program: Program): Variables[] {
  const heads = new Set<Node | null | undefined>()
  const rememberHead = ({ left, init }: { left?: Node; init?: Node | null }) => heads.add(left ?? init)
  const found: VariableDeclaration[] = []
  const visitors = {
    VariableDeclaration: (node: VariableDeclaration) => void (node.kind === 'var' && found.push(node)),
    ForStatement: rememberHead,
    ForInStatement: rememberHead,
    ForOfStatement: rememberHead,
  }
  simple(program, visitors, outsideFunctions)
  for (const statement of program.body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type === 'VariableDeclaration' && declaration.kind !== 'var') found.push(declaration)
  }
  return found.map((node) => ({ node, isHead: heads.has(node) }))
}

/** Turns a declaration into assignments and adds its names. */
function assign(text: MagicString, { node, isHead }: Variables, names: Set<string>): void {
  for (const { id, init } of node.declarations) {
    for (const name of namesIn(id)) names.add(name)
    if (init === null && node.kind === 'let') text.appendLeft(id.end, ' = undefined')
  }
  text.overwrite(node.start, node.start + node.kind.length, isHead ? '' : 'void (')
  if (!isHead) text.appendLeft(node.declarations.at(-1)!.end, ');')
}

function replaceModuleSyntax(program: Program, text: MagicString): void {
  simple(program, {
    ImportExpression({ start }) {
      text.overwrite(start, start + 'import'.length, `${RUNTIME}.import`)
    },
    MetaProperty({ start, end, meta }) {
      if (meta.name === 'import') text.overwrite(start, end, `${RUNTIME}.meta`)
    },
  })
}

/** `var x;` has no value, as in any script; the compiled form of a namespace ends with one. */
function isBareVariable(statement: Node): boolean {
  const { type, declarations } = statement as VariableDeclaration
  return type === 'VariableDeclaration' && declarations.every(({ init }) => !init)
}

function showLast(program: Program, text: MagicString): void {
  const last = lastStatement(program.body as Statement[], text.original)
  if (last?.type !== 'ExpressionStatement') return
  const end = text.original[last.end - 1] === ';' ? last.end - 1 : last.end
  text.prependRight(last.start, `${RUNTIME}.last((`).appendLeft(end, '))')
}

/** A cell with a `using` declaration is compiled into a `try` that disposes at its end. */
function lastStatement(body: Statement[], code: string): Statement | undefined {
  const last = body.findLast((statement) => statement.type !== 'EmptyStatement' && !isBareVariable(statement))
  if (last?.type !== 'TryStatement' || !last.finalizer) return last
  const isDisposing = code.slice(last.finalizer.start, last.finalizer.end).includes('__callDispose(')
  return isDisposing ? lastStatement(last.block.body, code) : last
}
