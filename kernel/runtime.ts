import type { Executor } from './executor.ts'
import { runMagic } from './magics/index.ts'
import { cellMeta, type ModuleLoader } from './modules.ts'

/** What a rewritten cell (rewrite.ts) calls, as the global `__hone`. */
export class CellRuntime {
  readonly meta = cellMeta
  readonly import: (specifier: string, options?: ImportCallOptions) => Promise<unknown>
  readonly #executor: Executor

  constructor(executor: Executor, loader: ModuleLoader) {
    this.#executor = executor
    this.import = (specifier, options) => loader.import(specifier, options)
  }

  /** Takes the cell's body from its script. */
  body(body: () => Promise<void>): void {
    this.#executor.evaluator.accept(body)
  }

  /** Keeps the value of the last expression. */
  last(value: unknown): void {
    const { cell } = this.#executor
    if (cell !== undefined) cell.last = [value]
  }

  /** What `await value` waits for. */
  guard(value: unknown): unknown {
    const { cell } = this.#executor
    return cell === undefined ? value : cell.guard(value)
  }

  /** What `for await (... of iterable)` goes over. */
  async *iterate(iterable: AsyncIterable<unknown> & Iterable<unknown>): AsyncGenerator<unknown> {
    const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]()
    let isDone = false
    try {
      while (!isDone) {
        const { done, value } = (await this.guard(iterator.next())) as IteratorResult<unknown>
        isDone = done === true
        if (!isDone) yield value
      }
    } finally {
      if (!isDone) await iterator.return?.()
    }
  }

  /** Runs a magic that stands at a place of the cell. Lines count from 1, columns from 0. */
  magic(form: 'line' | 'cell', name: string, texts: string[], line: number, column: number): unknown {
    const executor = this.#executor
    const cell = executor.cell!
    return runMagic(form, name, texts, {
      print: (text) => executor.write('stdout', text),
      prepare(code, [before, after] = ['', '']) {
        const place = '\n'.repeat(line - 1) + ' '.repeat(Math.max(0, column - before.length))
        const run = executor.prepare(cell, place + before + code + after, cell.request.code)
        return async () => {
          const [value] = await run()
          cell.last = []
          return value
        }
      },
    })
  }
}
