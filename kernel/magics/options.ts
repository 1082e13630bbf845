import { parseArgs, type ParseArgsConfig } from 'node:util'

type Parsed<Options extends NonNullable<ParseArgsConfig['options']>> = ReturnType<typeof parseArgs<{ options: Options; allowPositionals: true }>>

/** Reads the words and options of a magic's argument; quotes hold words together. Throws an Error for an unknown option. */
export function parseOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(argument: string, options: Options): Parsed<Options> {
  const args = (argument.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'))
  return parseArgs({ args, options, allowPositionals: true })
}
