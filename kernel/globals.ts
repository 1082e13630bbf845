import { displayFor } from './display/show.ts'
import type { Executor } from './executor.ts'
import { addMagic } from './magics/own.ts'
import { RUNTIME } from './rewrite.ts'
import type { CellRuntime } from './runtime.ts'
import type { Stdin } from './stdin.ts'

/** Puts into the global scope what cells and libraries expect there. */
export function installGlobals(executor: Executor, runtime: CellRuntime, stdin: Stdin): void {
  const hidden = { enumerable: false, configurable: true }
  Object.defineProperty(globalThis, RUNTIME, { ...hidden, value: runtime })
  Object.defineProperty(globalThis, Symbol.for('hone.cell'), { ...hidden, get: () => executor.cell?.handle })
  for (const [name, value] of Object.entries({ display: displayFor(executor), clearOutput, ...questions(), hone: { magic: addMagic } })) {
    Object.defineProperty(globalThis, name, { ...hidden, writable: true, value })
  }
  process.exit = refuseExit
  process.abort = refuseExit

  /** Removes the cell's outputs; with `wait`, when the next output comes. */
  function clearOutput({ wait = false } = {}): void {
    executor.publish('clear_output', { wait })
  }

  function questions() {
    return {
      /** Asks the person at the front end. */
      input: (prompt = '', { password = false } = {}) => stdin.ask(executor.cell, prompt, password),
      /** Asks as a browser does, holding everything else; an empty answer stands for the default. */
      prompt: (message = '', byDefault = '', { password = false } = {}) =>
        stdin.askAndHold(executor.cell, byDefault === '' ? `${message} ` : `${message} [${byDefault}] `, password) || byDefault,
      confirm: (message = 'Confirm') => /^y(es)?$/i.test(stdin.askAndHold(executor.cell, `${message} [y/N] `, false).trim()),
      alert: (message = '') => void stdin.askAndHold(executor.cell, `${message} [Enter] `, false),
    }
  }
}

function refuseExit(code?: unknown): never {
  throw new Error(`process.exit(${code === undefined ? '' : String(code)}) would end the kernel and lose every variable. To end the cell, throw an error; to end the kernel, restart it.`)
}
