import { existsSync, readFileSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { above, configurationOf } from '../tsconfig.ts'

/** This package's folder. */
export const HOME = fileURLToPath(new URL('../../../', import.meta.url))
const BUILT = pathToFileURL(join(HOME, 'dist/')).href

/** The file that cells pass for: it is in the kernel's working folder, which is the notebook's. */
export function notebookFile(): string {
  return join(process.cwd(), 'notebook.ts')
}

/** Whether a module is a file of the person's own, rather than of a package or of Node. */
export function isLocal(url: string): boolean {
  return url.startsWith('file:') && !url.includes('/node_modules/') && !url.startsWith(BUILT)
}

/** What Node's own resolution is asked. */
interface Question {
  specifier: string
  parentURL: string
}

/**
 * Where a local file's import leads, as far as Node does not know: TypeScript's endings, the `paths` of its tsconfig.json, and the
 * packages that come with this one where the file's own folder has none of the name.
 */
export function locate(wanted: string, parentURL: string): Question {
  const specifier = withoutScheme(wanted)
  const file = fileFor(specifier, parentURL)
  if (file !== undefined) return { specifier: file, parentURL }
  const folder = dirname(fileURLToPath(parentURL))
  const isProvided = isPackage(specifier) && (isAddOn(specifier, folder) || (!isInstalled(specifier, folder) && isInstalled(specifier, HOME)))
  return { specifier, parentURL: isProvided ? import.meta.url : parentURL }
}

/** Deno's `npm:name@version/path` and `jsr:name` are the package of that name. */
export function withoutScheme(specifier: string): string {
  return specifier.replace(/^(?:npm|jsr):\/?(@[^/]+\/[^/@]+|[^/@]+)(?:@[^/]*)?/, '$1')
}

export function isPackage(specifier: string): boolean {
  return !/^(\.{0,2}\/|[a-z][a-z0-9+.-]*:|#)/i.test(specifier) && !/^\.{1,2}$/.test(specifier) && !isBuiltin(specifier)
}

/** The package that a specifier names. */
export function packageIn(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/**
 * Whether a package is one that `hone tfjs install` has built: this file's imports find it before what npm put beside this package under the same name. A
 * folder's own copy goes before both.
 */
function isAddOn(specifier: string, folder: string): boolean {
  const place = join('node_modules', packageIn(specifier))
  const [found, beside] = [above(folder, place), join(HOME, place)]
  return existsSync(join(HOME, 'dist', place)) && (found === undefined || found === beside)
}

/** Whether a folder's modules can import a package: from a node_modules above them, or because they are that package. */
function isInstalled(specifier: string, folder: string): boolean {
  const name = packageIn(specifier)
  if (above(folder, join('node_modules', name)) !== undefined) return true
  const manifest = above(folder, 'package.json')
  return manifest !== undefined && manifestOf(dirname(manifest))?.name === name
}

/** What a package.json says of its package; undefined where there is none that can be read. https://docs.npmjs.com/cli/configuring-npm/package-json */
export interface Manifest {
  name?: string
  version?: string
  types?: string
  typings?: string
  exports?: unknown
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

export function manifestOf(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  } catch {
    return undefined
  }
}

function fileFor(specifier: string, parentURL: string): string | undefined {
  if (/^(?:\.{1,2}(?:\/|$)|\/|file:)/.test(specifier)) {
    const url = new URL(specifier, parentURL)
    return url.protocol === 'file:' ? withEnding(fileURLToPath(url), url.search) : undefined
  }
  if (!isPackage(specifier)) return undefined
  const places = configurationOf(dirname(fileURLToPath(parentURL)))?.placesOf(specifier) ?? []
  for (const place of places) {
    const found = withEnding(place)
    if (found !== undefined) return found
  }
  return undefined
}

/** The endings of TypeScript that the endings of what it compiles to stand for. */
const COMPILED: Record<string, string[]> = { '.js': ['.ts', '.tsx'], '.jsx': ['.tsx'], '.mjs': ['.mts'], '.cjs': ['.cts'] }
const ENDINGS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json']

/** './a.js' may mean a.ts, './a' may leave the ending out, and a folder stands for its index. */
function withEnding(path: string, search = ''): string | undefined {
  const ending = extname(path)
  const stem = path.slice(0, path.length - ending.length)
  const candidates = [
    path,
    ...(COMPILED[ending] ?? []).map((other) => stem + other),
    ...ENDINGS.map((other) => path + other),
    ...ENDINGS.map((other) => join(path, `index${other}`)),
  ]
  const found = candidates.find(isFile)
  return found === undefined ? undefined : pathToFileURL(found).href + search
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
