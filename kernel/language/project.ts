import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { HOME } from '../modules/resolution.ts'
import type { Globals } from '../provided.ts'
import { above, configurationOf } from '../tsconfig.ts'
import { PROJECT_FILE, type TypeServer } from './type-server.ts'

/** What a cell is compiled as, whatever the notebook's own tsconfig.json says. */
const FIXED_OPTIONS = {
  target: 'esnext',
  module: 'preserve',
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

/** What holds where the notebook's folder has no tsconfig.json. */
const DEFAULT_OPTIONS = { strict: true, jsx: 'react', lib: ['esnext'] }

/** The types of what the kernel adds to the scope of cells. */
const PROVIDED = JSON.stringify(join(HOME, 'dist', 'kernel', 'provided.d.ts'))
const GLOBAL_NAMES: (keyof Globals)[] = ['display', 'clearOutput', 'input', 'prompt', 'confirm', 'alert', 'hone']
const GLOBALS = [
  ...GLOBAL_NAMES.map((name) => `declare const ${name}: import(${PROVIDED}).Globals['${name}']`),
  `declare const Deno: import(${PROVIDED}).Deno`,
  `type CommandLines = import(${PROVIDED}).CommandLines`,
  "declare module '*.wasm'",
].join('\n')

/** The document of a folder's project that is written anew for each question. */
export const DRAFT = '.hone-draft'

/** Opens the project to which the cells of a notebook in a folder belong. */
export function openProject(server: TypeServer, folder: string): void {
  const globals = join(folder, '.hone-globals.d.ts')
  const roots = ['.ts', '.tsx'].map((extension) => join(folder, DRAFT + extension))
  const project = join(folder, PROJECT_FILE)
  server.write(project, JSON.stringify(projectFile(folder, [project, globals, ...roots])))
  server.write(globals, GLOBALS)
  for (const root of roots) server.write(root, '')
}

/**
 * A parameter without a type is no mistake in a notebook, unless its tsconfig.json says so. It is not switched off by
 * `noImplicitAny`, without which the type of `[]` is never[].
 */
export function allowsImplicitAny(folder: string): boolean {
  return configurationOf(folder) === undefined
}

function projectFile(folder: string, files: string[]): object {
  const own = configurationOf(folder)
  const { paths: named, baseUrl } = own?.options ?? {}
  const patterns = [...Object.keys(named ?? {}), ...(baseUrl === undefined ? [] : ['*'])]
  const ownPaths = patterns.map((pattern) => [pattern, own!.placesOf(pattern)])
  const compilerOptions = {
    ...(own === undefined ? DEFAULT_OPTIONS : {}),
    ...FIXED_OPTIONS,
    types: ['node', ...(own?.options.types ?? [])],
    typeRoots: typeRoots(folder),
    paths: { ...providedPackages(folder), ...Object.fromEntries(ownPaths), tslab: [join(HOME, 'dist', 'kernel', 'tslab.d.ts')] },
  }
  return { ...(own === undefined ? {} : { extends: own.file }), compilerOptions, files, include: [], references: [] }
}

/** The notebook's own type packages come first. */
function typeRoots(folder: string): string[] {
  const own = above(folder, join('node_modules', '@types'))
  const node = above(HOME, join('node_modules', '@types', 'node'))
  return [...new Set([own, node && dirname(node)].filter((root) => root !== undefined))]
}

/** This package and those that it depends on can be imported although the notebook's folder does not have them. */
function providedPackages(folder: string): Record<string, string[]> {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8')) as Record<string, Record<string, string>>
  const paths: Record<string, string[]> = {}
  if (!isInstalled('honejs', folder)) paths.honejs = [join(HOME, 'dist', 'lib', 'index.d.ts')]
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies }).filter((known) => !known.startsWith('@types/'))) {
    const place = above(HOME, join('node_modules', name))
    if (isInstalled(name, folder) || place === undefined) continue
    paths[name] = [place]
    paths[`${name}/*`] = [join(place, '*')]
  }
  return paths
}

const isInstalled = (name: string, folder: string) => above(folder, join('node_modules', name)) !== undefined
