import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as GetTsconfig from 'get-tsconfig'

/** https://www.typescriptlang.org/tsconfig/ */
export type CompilerOptions = NonNullable<GetTsconfig.TsConfigJsonResolved['compilerOptions']>

export interface Configuration {
  /** The path of the tsconfig.json. */
  file: string
  options: CompilerOptions
  /** The paths without ending that `paths` and `baseUrl` name for a specifier or a pattern, in turn. */
  placesOf(specifier: string): string[]
}

const require = createRequire(import.meta.url)
const known = new Map<string, Configuration & { time: number }>()

/** The nearest tsconfig.json of a folder or those above it, with what it extends. An unreadable one has no options. */
export function configurationOf(folder: string): Configuration | undefined {
  const file = above(folder, 'tsconfig.json')
  if (file === undefined) return undefined
  const time = statSync(file).mtimeMs
  const found = known.get(file)
  if (found?.time === time) return found
  const configuration = { ...read(file), time }
  known.set(file, configuration)
  return configuration
}

function read(file: string): Configuration {
  const { createPathsMatcher, parseTsconfig } = require('get-tsconfig') as typeof GetTsconfig
  try {
    const config = parseTsconfig(file)
    return { file, options: config.compilerOptions ?? {}, placesOf: createPathsMatcher({ path: file, config }) ?? (() => []) }
  } catch {
    return { file, options: {}, placesOf: () => [] }
  }
}

/** The path of the native program that the `typescript` package runs. */
export function typeScriptProgram(): string {
  const typescript = require.resolve('typescript/package.json')
  const manifest = createRequire(typescript).resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`)
  return join(dirname(manifest), 'lib', process.platform === 'win32' ? 'tsc.exe' : 'tsc')
}

/** The path of that name in a folder or the nearest one above it that has it. */
export function above(folder: string, name: string): string | undefined {
  const path = join(folder, name)
  if (existsSync(path)) return path
  return dirname(folder) === folder ? undefined : above(dirname(folder), name)
}
