import type { Executor } from './executor.ts'
import { denoFor } from './deno.ts'
import type { Scope } from './magics/context.ts'
import type { Form } from './magics/expand.ts'
import type { ModuleLoader, Names } from './modules.ts'
import type { CellScope } from './rewrite.ts'
import type { Stdin } from './stdin.ts'
import type { Insistence } from './threads.ts'

/** What a rewritten cell (rewrite.ts) calls, as the global `__hone`. */
export class CellRuntime {
  readonly scope: CellScope
  readonly stdin: Stdin
  /** A value on its way into a variable of the session. */
  handed: unknown
  readonly #executor: Executor
  readonly #loader: ModuleLoader
  readonly #refreshNames = () => this.#loader.names.refresh()

  constructor(executor: Executor, loader: ModuleLoader, stdin: Stdin) {
    this.#executor = executor
    this.#loader = loader
    this.stdin = stdin
    this.scope = {
      Deno: denoFor(executor),
      get require() {
        return loader.require
      },
      get __dirname() {
        return loader.meta.dirname
      },
      get __filename() {
        return loader.meta.filename
      },
    }
  }

  get meta(): ModuleLoader['meta'] {
    return this.#loader.meta
  }

  /** What `import(specifier)` does. */
  import(specifier: string, options?: ImportCallOptions): Promise<unknown> {
    return this.#loader.import(String(specifier), options)
  }

  /** What an import statement does. */
  bind(specifier: string, options: ImportCallOptions | undefined, names: Names): Promise<void> {
    return this.#loader.bind(specifier, options, names, this.#executor.evaluator)
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

  /** Called by the inspector. */
  reach(insistence: Insistence): void {
    this.#executor.reach(insistence, this.reach)
  }

  /** What is thrown. */
  thrown(value: unknown): unknown {
    this.#executor.traces.noteThrown(value, this.thrown)
    return value
  }

  /** What stands for a constant where a cell assigns to it. */
  constant(value: unknown): { value: unknown } {
    return {
      get value() {
        return value
      },
      set value(_) {
        throw new TypeError('Assignment to constant variable.')
      },
    }
  }

  /** What a loop calls in each turn. */
  check(): void {
    if (this.#executor.isStopping) this.#executor.stop()
  }

  /** What `await value` waits for. */
  guard(value: unknown): unknown {
    const { cell } = this.#executor
    return cell === undefined ? value : cell.guard(value, this.#refreshNames)
  }

  /** Takes what disposes of the cell's `using` declarations, for when it is interrupted. */
  dispose(disposal: () => unknown): void {
    this.#executor.cell?.disposals.push(disposal)
  }

  /** What `await value` waits for in a `finally` block. */
  cleanup(value: unknown): unknown {
    const { cell } = this.#executor
    return cell === undefined ? value : cell.cleanup(value, this.#refreshNames)
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

  /** Publishes an output of the current cell. */
  publish(messageType: string, content: object): void {
    this.#executor.publish(messageType, content)
  }

  /** Runs a magic that stands at a place of the cell. Lines count from 1, columns from 0; `scope` reads a variable there. */
  async magic(form: Form, name: string, texts: string[], line: number, column: number, scope?: Scope): Promise<unknown> {
    const [{ contextFor }, { runMagic }] = await this.#loader.whole(() => Promise.all([import('./magics/context.ts'), import('./magics/index.ts')]))
    return runMagic(form, name, texts, contextFor(this.#executor, this, form, { line, column }, scope))
  }
}
