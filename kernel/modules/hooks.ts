import { readFileSync } from 'node:fs'
import type { LoadHookContext, ResolveHookContext } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { stampOf, type Sighting, type Version } from './files.ts'
import { isLocal, locate, notebookFile } from './resolution.ts'
import { COMPILED_FILE, compileFile, type ModuleSource } from './source.ts'
import { wasmModule } from './wasm.ts'

/**
 * How modules are found and read while a kernel runs: a customization of Node's loader.
 * The same functions serve `module.register`, which runs them in a thread of its own, and `module.registerHooks`.
 * https://nodejs.org/api/module.html#customization-hooks
 */

/** Stands before what a cell imports. */
export const CELL = 'hone-cell:'
/** The parameter of a URL that says how often its file has been outdated. */
export const VERSION = 'version'

let port: MessagePort
const versions = new Map<string, number>()

/** The port's other end is that of the person's files (files.ts). */
export function initialize(data: { port: MessagePort }): void {
  port = data.port
}

interface Resolved {
  url: string
  importAttributes?: ImportAttributes
}

type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => Resolved | Promise<Resolved>

/** Imports within packages are left to Node; those of cells and of a person's own files are looked for as resolution.ts says, and told of. */
export function resolve(specifier: string, context: ResolveHookContext, next: NextResolve): Resolved | Promise<Resolved> {
  const isFromCell = specifier.startsWith(CELL)
  const importer = isFromCell ? pathToFileURL(notebookFile()).href : context.parentURL
  if (importer === undefined || !(isFromCell || isLocal(importer))) return next(specifier, context)
  const wanted = isFromCell ? specifier.slice(CELL.length) : specifier
  // The real package works in its own kernel alone.
  if (wanted === 'tslab') return next(new URL('../tslab.js', import.meta.url).href, context)
  const { specifier: found, parentURL } = locate(wanted, importer)
  // CommonJS knows no URLs of files, and its own loader keeps what it loads (files.ts).
  if (context.conditions.includes('require')) return next(found.startsWith('file:') ? fileURLToPath(found) : found, { ...context, parentURL })
  const resolved = next(found, { ...context, parentURL })
  const settle = (module: Resolved) => settled(module, wanted, isFromCell ? undefined : importer)
  return resolved instanceof Promise ? resolved.then(settle) : settle(resolved)
}

/** A local file that has changed is another module for Node: its URL says which. JSON needs no attribute. */
function settled(found: Resolved, specifier: string, importer: string | undefined): Resolved {
  report({ type: 'import', specifier, url: found.url, importer: importer && fileURLToPath(importer) })
  const url = new URL(found.url)
  const version = isLocal(found.url) ? versionOf(fileURLToPath(url)) : 0
  if (version > 0) url.searchParams.set(VERSION, String(version))
  return { ...found, url: url.href, ...(url.pathname.endsWith('.json') && { importAttributes: { type: 'json' } }) }
}

type NextLoad<Result> = (url: string, context?: Partial<LoadHookContext>) => Result

/** Compiles TypeScript and WebAssembly; leaves all else to Node. */
export function load<Result>(url: string, context: LoadHookContext, next: NextLoad<Result>): Result | object {
  if (!url.startsWith('file:')) return next(url, context)
  const path = fileURLToPath(url)
  const stamp = isLocal(url) ? stampOf(path) : undefined
  if (stamp === '') throw Object.assign(new Error(`Cannot find module '${path}'`), { code: 'ERR_MODULE_NOT_FOUND' })
  const made = read(path)
  if (stamp !== undefined) report({ type: 'load', path, stamp, mutable: made?.mutable ?? [] })
  return made === undefined ? next(url, context) : { format: made.format, source: made.code, shortCircuit: true }
}

/** The source of what Node cannot read by itself. */
function read(path: string): ModuleSource | undefined {
  if (path.endsWith('.wasm')) return { format: 'module', code: wasmModule(path, readFileSync(path)), mutable: [] }
  return COMPILED_FILE.test(path) ? compileFile(path, readFileSync(path, 'utf8')) : undefined
}

function report(sighting: Sighting): void {
  port.postMessage(sighting)
}

/** The newest versions are taken in first. */
function versionOf(path: string): number {
  for (let news = receiveMessageOnPort(port); news !== undefined; news = receiveMessageOnPort(port)) {
    const { path, version } = news.message as Version
    versions.set(path, version)
  }
  return versions.get(path) ?? 0
}
