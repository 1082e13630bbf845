import { parseArgs, type ParseArgsConfig } from 'node:util'
import { UsageError } from './magic.ts'

type Parsed<Options extends NonNullable<ParseArgsConfig['options']>> = ReturnType<typeof parseArgs<{ options: Options; allowPositionals: true }>>

/** The variable that a magic's result goes into, if one is named. Throws an Error where the words are none or more. */
export function variableIn([name, ...others]: readonly string[]): string | undefined {
  if (name !== undefined && (others.length > 0 || !VARIABLE.test(name))) throw new Error(`A result goes into one variable, and "${[name, ...others].join(' ')}" is none.`)
  return name
}

const VARIABLE = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

/** Reads the words and options of a magic's argument; quotes hold words together. Throws a UsageError for an unknown option. */
export function parseOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(argument: string, options: Options): Parsed<Options> {
  const args = (argument.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'))
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    const [problem] = (error as Error).message.split('. ')
    throw new UsageError(`${problem}. %name? tells the options of a magic.`)
  }
}
