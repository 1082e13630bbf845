import vm from 'node:vm'
import type { Script } from './cell.ts'

/**
 * Runs compiled cells. They share one scope: V8's scope of scripts, which holds `let` variables beside the global object.
 * V8's own REPL mode is not used: its promise handling is C++ that aborts the process when a termination meets it.
 */
export class Evaluator {
  /** The names that cells have declared. */
  readonly declared = new Set<string>()
  #body: () => Promise<void> = async () => {}

  /** Resolves when the cell and what it awaits have ended. Rejects with what it throws. */
  async run({ code, names }: Script, url: string): Promise<void> {
    const script = compileScript(code, url)
    this.#declare([...names].filter((name) => !this.declared.has(name)))
    script.runInThisContext()
    const body = this.#body
    await body()
  }

  /** Called by the running script with the cell's body. */
  accept(body: () => Promise<void>): void {
    this.#body = body
  }

  #declare(names: string[]): void {
    if (names.length > 0) vm.runInThisContext(`let ${names.join(', ')}`)
    for (const name of names) this.declared.add(name)
  }
}

/** V8's early errors that the parser let through come without the script's rewritten text. */
function compileScript(code: string, filename: string): vm.Script {
  try {
    return new vm.Script(code, { filename })
  } catch (error) {
    throw new SyntaxError((error as Error).message)
  }
}
