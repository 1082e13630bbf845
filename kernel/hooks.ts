import { existsSync, readFileSync, statSync } from 'node:fs'
import { builtinModules, type LoadHookContext, type ResolveHookContext } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { SourceError } from './source-error.ts'
import { toJavaScript } from './typescript.ts'

/**
 * How modules are found and read while a kernel runs: a customization of Node's loader.
 * Everything here is synchronous, so that the same two functions serve `module.register`, which runs them in a thread of
 * its own, and `module.registerHooks`. https://nodejs.org/api/module.html#customization-hooks
 */

/** What stands for the importing file when a cell imports. Its folder is the notebook's, which is the kernel's working folder. */
export const CELL_PARENT = 'hone-cell:'

export const TYPESCRIPT_FILE = /^file:[^?]*\.(?:m?ts|tsx)(?:\?|$)/

type Next<Context, Result> = (specifier: string, context?: Partial<Context>) => Result

/** A cell's imports are looked for from the notebook's folder first, then from this package; `tslab` is the kernel's, for the real one works in its own kernel alone. */
export function resolve<Result>(specifier: string, context: ResolveHookContext, next: Next<ResolveHookContext, Result>): Result {
  const isFromCell = specifier.startsWith(CELL_PARENT)
  const wanted = isFromCell ? specifier.slice(CELL_PARENT.length) : specifier
  if (wanted === 'tslab') return next(new URL('./tslab.js', import.meta.url).href, context)
  const parentURL = isFromCell ? parentFor(wanted) : context.parentURL
  return next(typeScriptFile(wanted, parentURL) ?? wanted, { ...context, parentURL })
}

/** Compiles TypeScript files; leaves all else to Node. */
export function load<Result>(url: string, context: LoadHookContext, next: Next<LoadHookContext, Result>): Result | object {
  if (!TYPESCRIPT_FILE.test(url)) return next(url, context)
  const file = fileURLToPath(url)
  return { format: 'module', source: compileFile(file), shortCircuit: true }
}

function compileFile(file: string): string {
  const source = readFileSync(file, 'utf8')
  try {
    return toJavaScript(source, dirname(file)).code
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const { line, column, message } = error
    throw new SyntaxError(`${message}\n${file}:${line}:${column + 1}\n    ${source.split('\n')[line - 1]}\n    ${' '.repeat(column)}^`)
  }
}

function parentFor(specifier: string): string {
  const notebook = pathToFileURL(join(process.cwd(), 'notebook.ts')).href
  return isPackage(specifier) && !isInstalled(specifier, process.cwd()) ? import.meta.url : notebook
}

function isPackage(specifier: string): boolean {
  return !/^(\.{0,2}\/|[a-z][a-z0-9+.-]*:|#)/i.test(specifier) && !builtinModules.includes(specifier)
}

function isInstalled(specifier: string, folder: string): boolean {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (existsSync(join(folder, 'node_modules', name))) return true
  return dirname(folder) !== folder && isInstalled(specifier, dirname(folder))
}

/** TypeScript's habits for relative imports, in cells and TypeScript files: './a.js' may mean a.ts, and './a' may leave the ending out. */
function typeScriptFile(specifier: string, parentURL: string | undefined): string | undefined {
  if (!/^\.{0,2}\//.test(specifier) || parentURL === undefined || !TYPESCRIPT_FILE.test(parentURL)) return undefined
  const url = new URL(specifier, parentURL)
  const path = fileURLToPath(url)
  if (isFile(path)) return undefined
  const candidates = [path.replace(/\.(m?)js$/, '.$1ts'), ...['.ts', '.tsx', '.js', '.mts', '.mjs'].map((ending) => path + ending)]
  const found = candidates.find(isFile)
  return found === undefined ? undefined : pathToFileURL(found).href
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
