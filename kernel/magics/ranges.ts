import type { HistoryEntry } from '../history.ts'
import { UsageError, type MagicContext } from './magic.ts'

/** Cells of a session: 0 is the running one, -1 the one before. */
interface Range {
  session: number
  first: number
  last: number
}

/** Cells of the history by IPython's ranges: `5`, `1-3`, `~1/2-4` of the session before, `~2/` a whole one. Throws an Error for anything else. */
export async function cellsIn(words: readonly string[], history: MagicContext['history']): Promise<HistoryEntry[]> {
  const ranges = words.map(parseRange)
  const found = await Promise.all(ranges.map(({ session, first, last }) => history({ hist_access_type: 'range', session, start: first, stop: last + 1 })))
  return found.flat()
}

function parseRange(word: string): Range {
  const [match, back = '0', first, last = first] = /^(?:~(\d+)\/)?(?:(\d+)(?:-(\d+))?)?$/.exec(word) ?? []
  if (!match) throw new UsageError(`"${word}" names no cells: 5 is one cell, 1-3 are three, ~1/5 is one of the session before, ~1/ all of it.`)
  return { session: -Number(back), first: Number(first ?? 1), last: Number(last ?? Infinity) }
}
