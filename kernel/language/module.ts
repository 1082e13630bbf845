import type { Diagnostic, DocumentSymbol, Position, Range } from './protocol.ts'
import type { DeclarationToken } from './type-server.ts'
import { withoutModules } from './words.ts'

/** A cell that has run, as a TypeScript module. */
export interface Module {
  path: string
  text: string
  /** What the person typed. */
  source: string
  /** Where the cell declares its names, in the source. */
  ranges: Map<string, Range>
  /** The modules whose names it uses. */
  uses: Set<Module>
}

/** A name that a cell declares for later cells. */
export interface Binding {
  module: Module
  kind: 'constant' | 'variable' | 'other'
}

export type Bindings = Map<string, Binding>

const VARIABLE_SYMBOL = 13
/** The server gives callbacks names of its own, with spaces. */
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
const IDENTIFIER = /[\p{ID_Start}$_][\p{ID_Continue}$]*/gu
/** What TypeScript says where a name that the cell exports itself is exported again. */
const ALREADY_EXPORTED = new Set([2323, 2484])
const CANNOT_ASSIGN_TO_IMPORT = 2632
/** Errors that only `noImplicitAny` brings. */
const IMPLICIT_ANY = /^70(?:0\d|1\d|2[0-6]|3[1-9]|4\d|5\d)$/

/** JSX and casts in angle brackets exclude one another, so only a cell with a closing tag is read as JSX. */
export function extensionOf(source: string): '.ts' | '.tsx' {
  return /<\/|\/>/.test(source) ? '.tsx' : '.ts'
}

/** What a header calls the modules that it imports from. */
export const MODULE_ALIAS = /^__cell\d+$/

/**
 * The line above a cell that imports names from the modules given. A variable is declared, for an import cannot be assigned to.
 * Every module is imported whatever names are: where the imports of a document stay, TypeScript resolves none anew.
 */
export function headerOf(modules: Iterable<Module>, bindings: Bindings): string {
  const imported = new Map<Module, string[]>()
  const declared = new Map<Module, string[]>()
  for (const [name, { module, kind }] of bindings) {
    const lists = kind === 'variable' ? declared : imported
    lists.set(module, [...(lists.get(module) ?? []), name])
  }
  let count = 0
  let header = ''
  for (const module of modules) {
    const alias = `__cell${count++}`
    const from = JSON.stringify(module.path.replaceAll('\\', '/'))
    header += `import * as ${alias} from ${from}; import { ${(imported.get(module) ?? []).join(', ')} } from ${from}; `
    for (const name of declared.get(module) ?? []) header += `declare let ${name}: typeof ${alias}.${name}; `
  }
  return header
}

/** A comment that chooses how JSX is compiled; it must stand above all else. */
const JSX_PRAGMA = /^\s*(\/\*[^]*?@jsx[^]*?\*\/)/

/** A cell, its magics masked, as a document: the header's line, the cell, a line for each name that it exports. */
export function documentOf(header: string, text: string, exported: Iterable<string> = []): string {
  const pragma = JSX_PRAGMA.exec(text)?.[1].replaceAll('\n', ' ') ?? ''
  return [pragma + header, text, ...[...exported].map((name) => `export { ${name} }`)].join('\n')
}

export const toDocument = ({ line, character }: Position): Position => ({ line: line + 1, character })
export const toCell = ({ line, character }: Position): Position => ({ line: line - 1, character })

/** The names that a text may use of those given. */
export function namesUsed(text: string, names: ReadonlyMap<string, Binding>): Bindings {
  const found: Bindings = new Map()
  for (const [name] of text.matchAll(IDENTIFIER)) {
    const binding = names.get(name)
    if (binding !== undefined) found.set(name, binding)
  }
  return found
}

/** What the cell in a document declares at its top. */
export interface Declaration {
  kind: Binding['kind']
  range: Range
}

export function declarationsIn(symbols: DocumentSymbol[], tokens: DeclarationToken[]): Map<string, Declaration> {
  const tokenAt = new Map(tokens.map((token) => [`${token.line}:${token.character}`, token]))
  const found = new Map<string, Declaration>()
  for (const { name, kind, selectionRange, range } of symbols) {
    const { line, character } = selectionRange.start
    const token = tokenAt.get(`${line}:${character}`)
    if (line === 0 || name === 'global' || !NAME.test(name) || token?.isLocal === true) continue
    const isVariable = kind === VARIABLE_SYMBOL && token !== undefined
    const variableKind = token?.isAssignable === true ? 'variable' : 'constant'
    found.set(name, { kind: isVariable ? variableKind : 'other', range: { start: toCell(range.start), end: toCell(range.end) } })
  }
  return found
}

/** The names whose lines below the cell TypeScript refuses: undeclared ones, and ones that the cell exports itself. */
export function refusedExports(diagnostics: Diagnostic[], source: string, names: string[]): { undeclared: Set<string>; exported: Set<string> } {
  const firstLine = source.split('\n').length + 1
  const refused = { undeclared: new Set<string>(), exported: new Set<string>() }
  for (const { range, severity, code } of diagnostics) {
    const name = names[range.start.line - firstLine]
    if (severity === 1 && name !== undefined) refused[ALREADY_EXPORTED.has(code) ? 'exported' : 'undeclared'].add(name)
  }
  return refused
}

/** The errors in what the person typed, in its places and words, but none of lines where magics are masked; where `any` may be implicit, not those that it brings. */
export function errorsIn(diagnostics: Diagnostic[], source: string, masked: string, names: ReadonlyMap<string, Binding>, implicitAny: boolean): Diagnostic[] {
  const [lines, maskedLines] = [source, masked].map((text) => text.split('\n'))
  const errors: Diagnostic[] = []
  for (const { range, severity, code, message } of diagnostics) {
    const line = lines[range.start.line - 1]
    if (severity !== 1 || line === undefined || line !== maskedLines[range.start.line - 1] || ALREADY_EXPORTED.has(code) || (implicitAny && IMPLICIT_ANY.test(String(code)))) continue
    const cellRange = { start: toCell(range.start), end: toCell(range.end) }
    errors.push({ range: cellRange, severity, code, message: inPersonsWords(message, code, names) })
  }
  return errors
}

function inPersonsWords(message: string, code: number, names: ReadonlyMap<string, Binding>): string {
  const plain = withoutModules(message)
  const assigned = code === CANNOT_ASSIGN_TO_IMPORT ? /'([^']+)'/.exec(message)?.[1] : undefined
  return names.get(assigned ?? '')?.kind === 'constant' ? plain.replace('an import', 'a constant') : plain
}
