import { readdirSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { didYouMean } from '../near.ts'
import { above } from '../tsconfig.ts'
import { exportsOf, type Imported } from './names.ts'
import { HOME, notebookFile, packageIn } from './resolution.ts'

type NodeError = Error & { code?: string }

/** Code of Node's error to what it means here; undefined where Node says it well. https://nodejs.org/api/errors.html */
const explanations: Record<string, (error: NodeError, specifier: string) => string | undefined> = {
  ERR_MODULE_NOT_FOUND: notFound,
  MODULE_NOT_FOUND: notFound,
  ERR_UNSUPPORTED_ESM_URL_SCHEME: (_, specifier) => (/^https?:/.test(specifier) ? overNetwork(specifier) : undefined),
  ERR_UNSUPPORTED_DIR_IMPORT: ({ message }) => `${shownPath(message, / '([^']+)'/)} is a folder without an index file. Import a file in it.`,
  ERR_UNKNOWN_FILE_EXTENSION: ({ message }) => `${shownPath(message, / for (.*)/)} is no module that Node knows. Read it with readFile of node:fs/promises.`,
  ERR_REQUIRE_ASYNC_MODULE: (_, specifier) => `${specifier} awaits at its top, which require cannot. Write: await import('${specifier}')`,
  ERR_REQUIRE_ESM: (_, specifier) => `${specifier} is an ES module. Write: await import('${specifier}')`,
}

/** What a failed import throws: an error that says what to do, where Node's does not. */
export function explained(error: unknown, specifier: string): unknown {
  const { code } = Object(error) as NodeError
  const message = Object.hasOwn(explanations, code ?? '') ? explanations[code!](error as NodeError, specifier) : undefined
  return message === undefined ? withHint(error) : Object.assign(new Error(message), { code })
}

/** What an import throws whose module has no such export. */
export function missingExport(name: string, imported: Imported, specifier: string): SyntaxError {
  return new SyntaxError(`${specifier} exports no ${name}.${didYouMean(name, exportsOf(imported))}`)
}

function notFound({ message }: NodeError, specifier: string): string | undefined {
  const [, kind, missing, importer = ''] = /^Cannot find (package|module) '([^']+)'(?: imported from (.*))?/.exec(message) ?? []
  if (missing === undefined) return undefined
  const place = importer === '' || importer === notebookFile() ? '' : `, which ${relative(process.cwd(), pathOf(importer))} imports`
  if (kind === 'module' && /^[./\\]|^[A-Za-z]:/.test(missing)) return noFile(pathOf(missing), place)
  const name = packageIn(missing)
  return `Cannot find package '${name}'${place}.${didYouMean(name, packagesAround(process.cwd()))} ${installation(specifier, name)}`
}

function shownPath(message: string, pattern: RegExp): string {
  return relative(process.cwd(), pathOf(pattern.exec(message)?.[1] ?? ''))
}

const pathOf = (place: string) => (place.startsWith('file:') ? fileURLToPath(place) : place)

function noFile(path: string, place: string): string {
  const shown = relative(process.cwd(), path)
  const near = didYouMean(basename(path), entriesOf(dirname(path)))
  return `There is no file ${shown}${place}.${near}`
}

/** `npm:name@version` says what to install, `jsr:` where from. */
function installation(specifier: string, name: string): string {
  if (specifier.startsWith('jsr:')) return `Run !npx jsr add ${specifier.slice('jsr:'.length)}`
  const [, wanted = name] = /^npm:\/?((?:@[^/]+\/)?[^/]+)/.exec(specifier) ?? []
  return `Run %npm install ${wanted}`
}

/** The addresses at which packages of the registry are served. */
const SERVED = /\b(?:esm\.sh|esm\.run|unpkg\.com|cdn\.skypack\.dev|cdn\.jsdelivr\.net\/npm|ga\.jspm\.io\/npm:)\/?((?:@[^/@]+\/)?[^/@?]+)(@[^/?]+)?/

function overNetwork(url: string): string {
  const [, name, version = ''] = SERVED.exec(url) ?? []
  if (name !== undefined) return `Node imports nothing over the network. Run %npm install ${name}${version} and import '${name}'.`
  return `Node imports nothing over the network. Install it as a package with %npm install, or save it beside the notebook: !curl -LO ${url}`
}

/** Node's message for a missing export does not think of types. */
function withHint(error: unknown): unknown {
  if (!(error instanceof SyntaxError) || !/does not provide an export named/.test(error.message) || !/\.[mc]?tsx?:\d+\n/.test(error.stack ?? '')) return error
  error.stack = error.stack!.replace(error.message, `${error.message}. If it is a type, write \`type\` before it.`)
  return error
}

/** The packages that a folder can import. */
function packagesAround(folder: string): string[] {
  const places = [folder, HOME].map((start) => above(start, 'node_modules')).filter((place) => place !== undefined)
  return places.flatMap((place) => entriesOf(place).flatMap((name) => (name.startsWith('@') ? entriesOf(join(place, name)).map((inner) => `${name}/${inner}`) : [name])))
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
