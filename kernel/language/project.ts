import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PROJECT_FILE, serverExecutable, type TypeServer } from './type-server.ts'

/** This package's folder. */
const HOME = fileURLToPath(new URL('../../..', import.meta.url))

/** What a cell is compiled as, whatever the notebook's own tsconfig.json says. */
const FIXED_OPTIONS = {
  target: 'esnext',
  module: 'esnext',
  moduleResolution: 'bundler',
  moduleDetection: 'force',
  allowImportingTsExtensions: true,
  allowJs: true,
  resolveJsonModule: true,
  noEmit: true,
  composite: false,
  incremental: false,
  declaration: false,
  isolatedModules: false,
  isolatedDeclarations: false,
  verbatimModuleSyntax: false,
  erasableSyntaxOnly: false,
  noUnusedLocals: false,
  noUnusedParameters: false,
  skipLibCheck: true,
}

/** What holds where the notebook's folder has no tsconfig.json. A parameter without a type is no mistake in a notebook. */
const DEFAULT_OPTIONS = { strict: true, noImplicitAny: false, jsx: 'react', lib: ['esnext'] }

/** What the kernel adds to the global scope of cells. */
const GLOBALS = `
interface DisplayHandle {
  /** The display's id. */
  readonly id: string
  /** Shows another value in its place. */
  update(value: unknown): void
}
/** Shows a value below the cell, at once. */
declare function display(value: unknown, options?: { id?: string }): DisplayHandle
`

/** The documents of a folder's project that are written anew for each question. */
export const DRAFT = '.hone-draft'
export const CHECKED = '.hone-checked'

/** Opens the project to which the cells of a notebook in a folder belong. */
export function openProject(server: TypeServer, folder: string): void {
  const globals = join(folder, '.hone-globals.d.ts')
  const roots = [DRAFT, CHECKED].flatMap((name) => [`${name}.ts`, `${name}.tsx`]).map((name) => join(folder, name))
  server.write(join(folder, PROJECT_FILE), JSON.stringify(projectFile(folder, [globals, ...roots])))
  server.write(globals, GLOBALS)
  for (const root of roots) server.write(root, '')
}

interface CompilerOptions {
  paths?: Record<string, string[]>
  types?: string[]
}

function projectFile(folder: string, files: string[]): object {
  const own = above(folder, 'tsconfig.json')
  const options = own === undefined ? {} : compilerOptions(own)
  const ownPaths = Object.entries(options.paths ?? {}).map(([name, places]) => [name, places.map((place) => join(dirname(own!), place))])
  const compiler = {
    ...(own === undefined ? DEFAULT_OPTIONS : {}),
    ...FIXED_OPTIONS,
    types: ['node', ...(options.types ?? [])],
    typeRoots: typeRoots(folder),
    paths: { ...providedPackages(folder), ...Object.fromEntries(ownPaths) },
  }
  return { ...(own === undefined ? {} : { extends: own }), compilerOptions: compiler, files, include: [], references: [] }
}

/** What a tsconfig.json and those that it extends amount to; nothing when it cannot be read. */
function compilerOptions(file: string): CompilerOptions {
  try {
    const shown = execFileSync(serverExecutable(), ['--showConfig', '-p', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return (JSON.parse(shown) as { compilerOptions?: CompilerOptions }).compilerOptions ?? {}
  } catch {
    return {}
  }
}

/** The notebook's own type packages come first. */
function typeRoots(folder: string): string[] {
  const roots = [folder, HOME].map((start) => above(start, join('node_modules', '@types')))
  return [...new Set(roots.filter((root) => root !== undefined))]
}

/** This package and those that it depends on can be imported although the notebook's folder does not have them. */
function providedPackages(folder: string): Record<string, string[]> {
  const { dependencies } = JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
  const paths: Record<string, string[]> = {}
  if (!isInstalled('honejs', folder)) paths.honejs = [join(HOME, 'dist', 'lib', 'index.d.ts')]
  for (const name of Object.keys(dependencies)) {
    const place = above(HOME, join('node_modules', name))
    if (isInstalled(name, folder) || place === undefined) continue
    paths[name] = [place]
    paths[`${name}/*`] = [join(place, '*')]
  }
  return paths
}

const isInstalled = (name: string, folder: string) => above(folder, join('node_modules', name)) !== undefined

/** The path of that name in a folder or the nearest one above it that has it. */
function above(folder: string, name: string): string | undefined {
  const path = join(folder, name)
  if (existsSync(path)) return path
  return dirname(folder) === folder ? undefined : above(dirname(folder), name)
}
