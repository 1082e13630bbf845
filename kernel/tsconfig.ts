import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The options that matter beyond TypeScript's own processes. https://www.typescriptlang.org/tsconfig/ */
export interface CompilerOptions {
  paths?: Record<string, string[]>
  types?: string[]
  jsx?: 'preserve' | 'react' | 'react-jsx' | 'react-jsxdev'
  jsxFactory?: string
  jsxFragmentFactory?: string
  jsxImportSource?: string
  experimentalDecorators?: boolean
  useDefineForClassFields?: boolean
}

export interface Configuration {
  /** The path of the tsconfig.json. */
  file: string
  options: CompilerOptions
}

const known = new Map<string, Configuration | undefined>()

/** The nearest tsconfig.json of a folder or those above it, with what it extends; it is read once. An unreadable one has no options. */
export function configurationOf(folder: string): Configuration | undefined {
  if (!known.has(folder)) {
    const file = above(folder, 'tsconfig.json')
    known.set(folder, file === undefined ? undefined : { file, options: optionsOf(file) })
  }
  return known.get(folder)
}

function optionsOf(file: string): CompilerOptions {
  try {
    const shown = execFileSync(typeScriptProgram(), ['--showConfig', '-p', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return (JSON.parse(shown) as { compilerOptions?: CompilerOptions }).compilerOptions ?? {}
  } catch {
    return {}
  }
}

/** The path of the native program that the `typescript` package runs. */
export function typeScriptProgram(): string {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json')
  const manifest = createRequire(typescript).resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`)
  return join(dirname(manifest), 'lib', process.platform === 'win32' ? 'tsc.exe' : 'tsc')
}

/** The path of that name in a folder or the nearest one above it that has it. */
export function above(folder: string, name: string): string | undefined {
  const path = join(folder, name)
  if (existsSync(path)) return path
  return dirname(folder) === folder ? undefined : above(dirname(folder), name)
}
