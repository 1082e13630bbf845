import type { Identifier, ImportDeclaration, Program, Statement } from 'acorn'
import { MagicString } from 'magic-string'
import { dirname } from 'node:path'
import { placed } from '../cell.ts'
import { referencesTo } from '../references.ts'
import { parseModule } from '../rewrite.ts'
import { declared, namesUsed } from '../scopes.ts'
import { SourceError } from '../source-error.ts'
import { configurationOf } from '../tsconfig.ts'
import { toCommonJs, toJavaScript, type JavaScript } from '../typescript.ts'

/** Files that Node is given compiled. */
export const COMPILED_FILE = /\.(?:[mc]?ts|[tj]sx)$/

/** A module that Node can run. */
export interface ModuleSource extends JavaScript {
  format: 'module' | 'commonjs'
  /** The exports that the module assigns to again. */
  mutable: string[]
}

/** What CommonJS gives a module. What has been written for it may count on that, though it has imports. */
const COMMONJS_NAMES = ['require', 'module', '__filename', '__dirname']

/** Compiles a TypeScript or JSX file as cells are compiled; every line stays in its place. Throws a SyntaxError that shows the place. */
export function compileFile(path: string, source: string, format?: 'commonjs'): ModuleSource {
  try {
    const isCommonJs = format === 'commonjs' || path.endsWith('.cts')
    return isCommonJs ? { ...toCommonJs(source, dirname(path), dialectOf(path)), format: 'commonjs', mutable: [] } : compileModule(path, source)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const { line, column, message } = error
    throw new SyntaxError(`${message}\n${path}:${line}:${column + 1}\n    ${source.split('\n')[line - 1]}\n    ${' '.repeat(column)}^`)
  }
}

const dialectOf = (path: string) => (path.endsWith('x') ? 'tsx' : 'ts')

function compileModule(path: string, source: string): ModuleSource {
  const folder = dirname(path)
  const javascript = toJavaScript(source, folder, dialectOf(path))
  const program = placed(javascript, () => parseModule(javascript.code))
  const used = new Set([...namesUsed(program), ...exportedHere(program).map(({ local }) => local)])
  const isModule = program.body.some(({ type }) => /^(?:Import|Export)/.test(type))
  if (!isModule && (used.has('exports') || used.has('module'))) return { ...javascript, format: 'commonjs', mutable: [] }
  const text = new MagicString(javascript.code)
  if (configurationOf(folder)?.options.verbatimModuleSyntax !== true) dropTypeImports(program, used, text)
  const own = new Set((program.body as Statement[]).flatMap(declared))
  const missing = COMMONJS_NAMES.filter((name) => used.has(name) && !own.has(name))
  if (missing.length > 0) text.append(`\nimport { ${missing.join(', ')} } from ${JSON.stringify(commonJsNames(path))}`)
  return { ...javascript, code: text.toString(), format: 'module', mutable: mutableExports(program) }
}

/** A module that exports what CommonJS gives a file. Imports take effect wherever they stand. */
function commonJsNames(path: string): string {
  const values = `__filename = ${JSON.stringify(path)}, __dirname = ${JSON.stringify(dirname(path))}, require = createRequire(__filename), module = { exports: {} }`
  return `data:text/javascript,${encodeURIComponent(`import { createRequire } from 'node:module'; export const ${values}`)}`
}

/** What `export { local as exported }` names. */
function exportedHere(program: Program): { local: string; exported: string }[] {
  const specifiers = program.body.flatMap((statement) => (statement.type === 'ExportNamedDeclaration' && !statement.source ? statement.specifiers : []))
  return specifiers.map(({ local, exported }) => ({ local: (local as Identifier).name, exported: exported.type === 'Identifier' ? exported.name : String(exported.value) }))
}

function mutableExports(program: Program): string[] {
  const declarations = program.body.flatMap((statement) => (statement.type === 'ExportNamedDeclaration' ? declared(statement.declaration) : []))
  const exports = [...declarations.map((name) => ({ local: name, exported: name })), ...exportedHere(program)]
  const uses = referencesTo(new Set(exports.map(({ local }) => local)), program)
  const assigned = new Set(uses.filter(({ isAssigned }) => isAssigned).map(({ node }) => node.name))
  return exports.filter(({ local }) => assigned.has(local)).map(({ exported }) => exported)
}

/** What is imported and stands for no value is a type, and not there when the program runs. https://www.typescriptlang.org/tsconfig/#verbatimModuleSyntax */
function dropTypeImports(program: Program, used: ReadonlySet<string>, text: MagicString): void {
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue
    const { specifiers, start, end, source } = statement
    const kept = specifiers.filter(({ local }) => used.has(local.name))
    const clause = text.original.slice(start, source.start)
    if (kept.length === 0 && clause.includes('from')) text.overwrite(start, end, blank(text.original.slice(start, end)))
    else if (kept.length < specifiers.length) text.overwrite(start, source.start, `import ${clauseOf(kept, text.original)} from ${blank(clause)}`)
  }
}

function clauseOf(specifiers: ImportDeclaration['specifiers'], code: string): string {
  const texts = (isNamed: boolean) => specifiers.filter(({ type }) => (type === 'ImportSpecifier') === isNamed).map(({ start, end }) => code.slice(start, end))
  const named = texts(true)
  return [...texts(false), ...(named.length > 0 ? [`{ ${named.join(', ')} }`] : [])].join(', ')
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
