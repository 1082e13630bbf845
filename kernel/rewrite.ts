import { parse, type FunctionDeclaration, type ImportDeclaration, type Node, type Program, type Statement, type VariableDeclaration } from 'acorn'
import { simple } from 'acorn-walk'
import { MagicString } from 'magic-string'
import { guardCell } from './guards.ts'
import { internalName, separate, type SessionNames } from './names.ts'
import { declared, namesUsed, outsideFunctions } from './scopes.ts'
import { SourceError } from './source-error.ts'

/** The global through which a rewritten cell reaches the kernel (runtime.ts). */
export const RUNTIME = '__hone'

/** Where an imported name is used: in its cell, perhaps in a later one, or by what a compiler put in. */
export type NameUse = 'here' | 'later' | 'compiler'

/** What cells find around them. */
export interface CellScope {
  Deno: object
  require: NodeJS.Require
  __dirname: string
  __filename: string
}
const SCOPE_NAMES: (keyof CellScope)[] = ['Deno', 'require', '__dirname', '__filename']

/** A rewritten cell, and the names it declares at the top; the kernel declares those that it imports when it has them. */
export interface Rewritten {
  text: MagicString
  names: Set<string>
  /** Those that cannot be assigned to, imported ones among them. */
  constants: Set<string>
  /** What it has to do with of the session's names. */
  session: SessionNames
  /** Where the values start that declarations assign, with the stretches before them where V8 has their errors that have no place of their own. */
  values: { from: number; to: number; start: number }[]
}

/**
 * Rewrites a cell's JavaScript into a script that hands the kernel one asynchronous function, the cell's body:
 * - what the cell declares at the top becomes an assignment, for later cells see it and may declare it again; the kernel
 *   declares the names;
 * - variables that have names of globals are kept apart from these, and constants are kept from being assigned to (names.ts);
 * - imports go through the kernel, which finds them from the notebook's folder;
 * - awaits and loops go through the kernel, so that an interrupt ends them (guards.ts);
 * - the value of a last expression is handed to the kernel.
 * A name that the person's source does not mention is a compiler's own and stays within the cell. Throws a SourceError.
 */
export function rewrite(code: string, source: string, session: SessionNames): Rewritten {
  const program = parseModule(code)
  const text = new MagicString(code)
  const variables = variableDeclarations(program)
  const names = namesOf(program, variables)
  const constants = constantsOf(program)
  const imported = program.body.flatMap((statement) => (statement.type === 'ImportDeclaration' ? declared(statement) : []))
  const isTyped = (name: string) => source.includes(name)
  const internal = [...imported, ...names].filter((name) => !isTyped(name))
  for (const name of internal) names.delete(name)
  guardCell(program, text, source, RUNTIME)
  const known = separate(program, text, { names: new Set([...names, ...imported]), constants }, session, RUNTIME)
  const nameOf = (name: string) => (known.apart.has(name) ? internalName(name) : name)
  replaceModuleSyntax(program, text)
  hoistImports(program, text, source, nameOf)
  for (const statement of program.body) {
    if (statement.type === 'ExportNamedDeclaration' && !statement.source) {
      text.overwrite(statement.start, statement.declaration?.start ?? statement.end, ';')
    } else if (statement.type.startsWith('Export')) {
      throw sourceErrorAt(code, statement.start, 'a cell exports nothing: remove this line, import what it names, or write `export` before a declaration.')
    }
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type === 'ClassDeclaration') {
      text.appendLeft(declaration.start, `${nameOf(declaration.id.name)} = `).appendLeft(declaration.end, ';')
    } else if (declaration?.type === 'FunctionDeclaration') {
      hoistFunction(text, declaration, nameOf(declaration.id.name))
    }
  }
  for (const variable of variables) assign(text, variable)
  for (const statement of program.body) {
    const disposal = disposalOf(statement as Statement, code)
    if (disposal !== undefined) text.appendLeft(statement.start, `${RUNTIME}.dispose(() => ${disposal}); `)
  }
  showLast(program, text)
  const provided = SCOPE_NAMES.filter((name) => code.includes(name) && nameOf(name) === name)
  const scope = provided.length > 0 ? `let { ${provided.join(', ')} } = ${RUNTIME}.scope; ` : ''
  const declaration = internal.length > 0 ? `let ${internal.join(', ')}; ` : ''
  text.prepend(`'use strict'; ${RUNTIME}.body(async () => { ${declaration}${scope}`).append('\n})')
  const values = variables.flatMap(({ node }) => valuesOf(node))
  return { text, names, constants, session: known, values }
}

/** What the cell declares but for what it imports. */
function namesOf(program: Program, variables: readonly Variables[]): Set<string> {
  const statements = program.body.flatMap((statement) => (statement.type === 'ImportDeclaration' ? [] : declared(statement)))
  return new Set([...statements, ...variables.flatMap(({ node }) => declared(node))])
}

function valuesOf({ start, declarations }: VariableDeclaration): Rewritten['values'] {
  return declarations.flatMap(({ id, init }, index) => {
    if (!init) return []
    const before = { from: index === 0 ? start : id.start, to: id.type === 'Identifier' ? id.end : id.start, start: init.start }
    return [before, { from: id.end, to: init.start, start: init.start }]
  })
}

function constantsOf(program: Program): Set<string> {
  const isConstant = (statement: Program['body'][number]) => {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    return statement.type === 'ImportDeclaration' || (declaration?.type === 'VariableDeclaration' && declaration.kind === 'const')
  }
  return new Set(program.body.filter(isConstant).flatMap(declared))
}

/** Throws a SourceError. */
export function parseModule(code: string): Program {
  try {
    return parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const { pos, message } = error as SyntaxError & { pos: number }
    throw sourceErrorAt(code, pos, message.replace(/ \(\d+:\d+\)$/, ''), pos >= code.trimEnd().length)
  }
}

function sourceErrorAt(code: string, offset: number, message: string, incomplete = false): SourceError {
  const { line, column } = positionOf(code, offset)
  return new SourceError(message, line, column, incomplete)
}

/** The place of an offset in a text. Line from 1, column from 0. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: before.at(-1)!.length }
}

/** Has imports done before all else, in turn. */
function hoistImports(program: Program, text: MagicString, source: string, nameOf: (name: string) => string): void {
  const used = namesUsed(program)
  const useOf = (name: string): NameUse => (!source.includes(name) ? 'compiler' : used.has(name) ? 'here' : 'later')
  let head = 0
  for (const [index, statement] of program.body.entries()) {
    if (statement.type !== 'ImportDeclaration') continue
    const { start, end } = statement
    const isHead = program.body.slice(0, index).every(({ type }) => type === 'ImportDeclaration')
    text.overwrite(start, end, isOfTypes(statement, text.original) ? ';' : importStatement(statement, useOf, nameOf))
    if (isHead) head = end
    else text.appendLeft(start, ';').move(start, end, head)
  }
}

/** `import { type A } from 'b'` without its types. */
function isOfTypes({ start, source, specifiers }: ImportDeclaration, code: string): boolean {
  return specifiers.length === 0 && code.slice(start, source.start).includes('{')
}

/** `import a, { b as c } from 'd'` as a call of the kernel. */
function importStatement({ specifiers, source, attributes }: ImportDeclaration, useOf: (name: string) => NameUse, variableOf: (name: string) => string): string {
  const nameOf = (node: { name?: string; value?: unknown }) => node.name ?? JSON.stringify(node.value)
  const pairs = attributes.map(({ key, value }) => `${nameOf(key)}: ${JSON.stringify(value.value)}`)
  const options = pairs.length > 0 ? `{ with: { ${pairs.join(', ')} } }` : 'undefined'
  const names = specifiers.map((specifier) => {
    const { name } = specifier.local
    return `${name}: [${JSON.stringify(exportedName(specifier))}, (${RUNTIME}) => { ${variableOf(name)} = ${RUNTIME} }, '${useOf(name)}']`
  })
  return `await ${RUNTIME}.guard(${RUNTIME}.bind(${JSON.stringify(source.value)}, ${options}, { ${names.join(', ')} }));`
}

/** The name under which a module exports what a specifier imports; `*` is the module itself. */
function exportedName(specifier: ImportDeclaration['specifiers'][number]): string {
  if (specifier.type === 'ImportNamespaceSpecifier') return '*'
  if (specifier.type === 'ImportDefaultSpecifier') return 'default'
  return specifier.imported.type === 'Identifier' ? specifier.imported.name : String(specifier.imported.value)
}

function hoistFunction(text: MagicString, { start, end, id }: FunctionDeclaration, variable: string): void {
  if (variable === id.name) text.remove(id.start, id.end)
  text.prependRight(start, `${variable} = `).appendLeft(end, ';')
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

/** Turns a declaration into assignments. */
function assign(text: MagicString, { node, isHead }: Variables): void {
  for (const { id, init } of node.declarations) {
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

function lastStatement(body: Statement[], code: string): Statement | undefined {
  const last = body.findLast((statement) => statement.type !== 'EmptyStatement' && !isBareVariable(statement))
  return last?.type === 'TryStatement' && disposalOf(last, code) !== undefined ? lastStatement(last.block.body, code) : last
}

/**
 * `using` declarations are compiled into a `try` that disposes in the end: this is the call that does so. A terminated cell does not
 * come to its end, and what is left is disposed of then.
 */
function disposalOf(statement: Statement, code: string): string | undefined {
  if (statement.type !== 'TryStatement' || !statement.finalizer) return undefined
  const [, dispose, stack] = /\b(__callDispose\d*)\((\w+),/.exec(code.slice(statement.finalizer.start, statement.finalizer.end)) ?? []
  return dispose && `${dispose}(${stack})`
}
