import type { HistoryEntry } from '../history.ts'
import { UsageError, type Magic, type MagicContext } from './magic.ts'
import { parseOptions } from './options.ts'
import { cellsIn } from './ranges.ts'

const OPTIONS = {
  numbers: { type: 'boolean', short: 'n' },
  outputs: { type: 'boolean', short: 'o' },
  unique: { type: 'boolean', short: 'u' },
  last: { type: 'string', short: 'l' },
  grep: { type: 'string', short: 'g' },
} as const

export const history: Magic = {
  name: 'history',
  summary: 'print cells of this session and of earlier ones',
  usage:
    '%history [-n] [-o] [-u] [-l COUNT] [-g PATTERN] [1-3 5 ~1/2 ...]: the cells of this session, or the named ones (~1/2 is cell 2 of the session before, ~1/ all of it), ' +
    '-l the last ones of any session, -g those of any session that hold the pattern (* any text, ? a character). -n with numbers, -o with values, -u each once.',
  async line(argument, context) {
    const { values, positionals } = parseOptions(argument, OPTIONS)
    const entries = await find(positionals, values, context)
    const [running] = await context.history({ hist_access_type: 'range' })
    const isNumbered = values.numbers === true || values.grep !== undefined
    for (const { session, line, input, output } of entries) {
      const number = `${session === running?.session ? '' : `${session}/`}${line}`.padStart(4)
      context.print(`${isNumbered ? `${number}:${input.includes('\n') ? '\n' : ' '}` : ''}${input}\n`)
      if (values.outputs === true && output !== undefined) context.print(`${output}\n`)
    }
  },
}

interface Choice {
  last?: string
  grep?: string
  unique?: boolean
}

/** Without the cell that asks, unless it is named. */
async function find(ranges: string[], { last, grep, unique }: Choice, { history, count }: MagicContext): Promise<HistoryEntry[]> {
  if (last !== undefined && !/^\d+$/.test(last)) throw new UsageError(`-l takes a number of cells, not "${last}".`)
  if (ranges.length > 0) return cellsIn(ranges, history)
  if (last === undefined && grep === undefined) return history({ hist_access_type: 'range', stop: count })
  const n = last === undefined ? undefined : Number(last) + 1
  const type = grep === undefined ? 'tail' : 'search'
  const [asking] = await history({ hist_access_type: 'range', start: count })
  const found = await history({ hist_access_type: type, n, pattern: `*${grep}*`, unique })
  const others = found.filter(({ session, line }) => session !== asking?.session || line !== count)
  return others.slice(last === undefined ? 0 : Math.max(0, others.length - Number(last)))
}
