import { displayFor } from './display/show.ts'
import type { Executor } from './executor.ts'
import { withoutGuards } from './guards.ts'
import { addMagic } from './magics/own.ts'
import type { Globals } from './provided.ts'
import { RUNTIME } from './rewrite.ts'
import type { CellRuntime } from './runtime.ts'
import type { Stdin } from './stdin.ts'

/** Puts into the global scope what cells and libraries expect there. */
export function installGlobals(executor: Executor, runtime: CellRuntime, stdin: Stdin): void {
  const hidden = { enumerable: false, configurable: true }
  Object.defineProperty(globalThis, RUNTIME, { value: runtime })
  Object.defineProperty(globalThis, Symbol.for('hone.cell'), { ...hidden, get: () => executor.cell?.handle })
  for (const [name, value] of Object.entries(globalsFor(executor, stdin))) Object.defineProperty(globalThis, name, { ...hidden, writable: true, value })
  showFunctionsAsTyped()
  process.exit = (code) => refuse(`process.exit(${code ?? ''})`)
  process.abort = () => refuse('process.abort()')
  const { kill } = process
  process.kill = (pid, signal) => (endsThis(pid, signal) ? refuse('process.kill(process.pid)') : kill(pid, signal))
}

function globalsFor(executor: Executor, stdin: Stdin): Globals {
  const hold = (prompt: string, password = false) => stdin.askAndHold(executor.cell, prompt, password)
  return {
    display: displayFor(executor),
    clearOutput: ({ wait = false } = {}) => executor.publish('clear_output', { wait }),
    input: (prompt = '', { password = false } = {}) => stdin.ask(executor.cell, prompt, password),
    prompt: (message = '', byDefault = '', { password = false } = {}) => hold(byDefault === '' ? `${message} ` : `${message} [${byDefault}] `, password) || byDefault,
    confirm: (message = 'Confirm') => /^y(es)?$/i.test(hold(`${message} [y/N] `).trim()),
    alert: (message = '') => void hold(`${message} [Enter] `),
    hone: {
      magic: (name, run, summary) => {
        addMagic(name, run, summary)
        executor.announceMagic(name, summary)
      },
      comms: executor.comms,
    },
  }
}

/** Functions are sent as text to workers, and to pages of a browser. */
function showFunctionsAsTyped(): void {
  const { toString } = Function.prototype
  const { value } = Object.getOwnPropertyDescriptor({ toString(this: unknown) { return withoutGuards(toString.call(this), RUNTIME) } }, 'toString')!
  Reflect.defineProperty(Function.prototype, 'toString', { value, writable: true, configurable: true })
}

/** Signals that end no process, or that are an interrupt here. */
const HARMLESS = new Set<unknown>([0, 2, 'SIGINT', 'SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGUSR1', 'SIGWINCH'])

function endsThis(pid: number, signal: string | number = 'SIGTERM'): boolean {
  return Math.abs(Number(pid)) === process.pid && !HARMLESS.has(signal) && process.listenerCount(String(signal)) === 0
}

function refuse(call: string): never {
  throw new Error(`${call} would end the kernel and lose every variable. To end the cell, throw an error; to end the kernel, restart it.`)
}
