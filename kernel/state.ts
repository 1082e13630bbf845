/** One executed cell. */
export interface HistoryEntry {
  line: number
  input: string
}

/** A request's content, as far as it is known. https://jupyter-client.readthedocs.io/en/stable/messaging.html#history */
export interface HistoryQuery {
  hist_access_type?: string
  n?: number
  start?: number
  stop?: number
  pattern?: string
  unique?: boolean
}

/** What the protocol thread remembers of the session: the execution count and the history. */
export class SessionState {
  executionCount = 0
  readonly #history: HistoryEntry[] = []

  /** Counts a cell in and remembers its source. Answers with its number. */
  count(input: string): number {
    this.executionCount++
    this.#history.push({ line: this.executionCount, input })
    return this.executionCount
  }

  /** Entries of this session: the last n, those of a range of lines, or those that a glob pattern matches. */
  history(query: HistoryQuery): HistoryEntry[] {
    const { hist_access_type: type, n = Infinity, start = 0, stop = Infinity, pattern = '*', unique = false } = query
    if (type === 'range') return this.#history.filter(({ line }) => line >= start && line < stop)
    const matching = type === 'search' ? this.#history.filter(({ input }) => globToRegExp(pattern).test(input)) : this.#history
    const kept = unique ? [...new Map(matching.map((entry) => [entry.input, entry])).values()] : matching
    return kept.slice(Math.max(0, kept.length - n))
  }
}

function globToRegExp(pattern: string): RegExp {
  const escaped = pattern.replace(/[\\^$.|+()[\]{}]/g, '\\$&').replaceAll('*', '[^]*').replaceAll('?', '[^]')
  return new RegExp(`^${escaped}$`)
}
