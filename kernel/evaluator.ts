import vm from 'node:vm'
import type { Script } from './cell.ts'
import { internalName, meansElsewhere, type SessionNames } from './names.ts'

/**
 * Runs compiled cells. They share one scope: V8's scope of scripts, which holds `let` variables beside the global object.
 * V8's own REPL mode is not used: its promise handling is C++ that aborts the process when a termination meets it.
 */
export class Evaluator implements SessionNames {
  /** The names that cells have declared. */
  readonly declared = new Set<string>()
  readonly apart = new Set<string>()
  readonly constants = new Set<string>()
  /** Those that are variables; the others are linked. */
  readonly #variables = new Set<string>()
  #body: () => Promise<void> = async () => {}

  /** Resolves when the cell and what it awaits have ended. Rejects with what it throws. */
  async run({ code, names, constants, session }: Script, url: string): Promise<void> {
    const script = compileScript(code, url)
    for (const name of session.apart) this.apart.add(name)
    for (const name of names) this.constants.delete(name)
    for (const name of constants) this.constants.add(name)
    this.declare(names)
    script.runInThisContext()
    const body = this.#body
    await body()
  }

  /** Called by the running script with the cell's body. */
  accept(body: () => Promise<void>): void {
    this.#body = body
  }

  isTaken(name: string): boolean {
    return !this.declared.has(name) && meansElsewhere(name)
  }

  declare(names: Iterable<string>): void {
    const added = [...names].filter((name) => !this.#variables.has(name))
    if (added.length > 0) vm.runInThisContext(`let ${added.map((name) => this.nameOf(name)).join(', ')}`)
    for (const name of added) {
      if (this.declared.has(name)) Reflect.deleteProperty(globalThis, name)
      this.#variables.add(name)
      this.declared.add(name)
    }
  }

  /** The name by which V8 knows a variable. */
  nameOf(name: string): string {
    return this.apart.has(name) ? internalName(name) : name
  }

  /** Makes a name stand for what `read` answers with at any moment. Answers false where a variable or a global has the name. */
  link(name: string, read: () => unknown): boolean {
    if (this.#variables.has(name) || this.apart.has(name) || (name in globalThis && !this.declared.has(name))) return false
    const set = (value: unknown) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
    Object.defineProperty(globalThis, name, { get: read, set, configurable: true })
    this.declared.add(name)
    return true
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
