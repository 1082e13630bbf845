import { randomUUID } from 'node:crypto'
import { mimeBundle, type MimeBundle } from './display.ts'
import type { Executor } from './executor.ts'
import { RUNTIME } from './rewrite.ts'
import type { CellRuntime } from './runtime.ts'

/** A shown value that can be replaced where it stands. */
export interface DisplayHandle {
  readonly id: string
  /** Shows another value in its place. */
  update(value: unknown): void
}

/** Puts into the global scope what cells and libraries expect there. */
export function installGlobals(executor: Executor, runtime: CellRuntime): void {
  const hidden = { enumerable: false, configurable: true }
  Object.defineProperty(globalThis, RUNTIME, { ...hidden, value: runtime })
  Object.defineProperty(globalThis, Symbol.for('hone.cell'), { ...hidden, get: () => executor.cell?.handle })
  Object.defineProperty(globalThis, 'display', { ...hidden, writable: true, value: displayFor(executor) })
  Object.defineProperty(globalThis, 'input', { ...hidden, writable: true, value: inputFor(executor) })
  process.exit = refuseExit
  process.abort = refuseExit
}

function refuseExit(code?: unknown): never {
  throw new Error(`process.exit(${code === undefined ? '' : String(code)}) would end the kernel and lose every variable. To end the cell, throw an error; to end the kernel, restart it.`)
}

function inputFor(executor: Executor) {
  /** Asks the person a question and resolves with the answer; a password is not shown. */
  return function input(prompt = '', { password = false } = {}): Promise<string> {
    return executor.ask(prompt, password)
  }
}

function displayFor(executor: Executor) {
  /** Shows a value below the cell, at once. */
  return function display(value: unknown, { id = randomUUID() as string } = {}): DisplayHandle {
    show(executor, 'display_data', id, value)
    return { id, update: (newValue) => show(executor, 'update_display_data', id, newValue) }
  }
}

function show(executor: Executor, messageType: string, id: string, value: unknown): void {
  const publish = (data: MimeBundle) => executor.publish(messageType, { data, metadata: {}, transient: { display_id: id } })
  const bundle = mimeBundle(value)
  if (bundle instanceof Promise) waitFor(bundle.then(publish), executor)
  else publish(bundle)
}

/** The cell is not done before its displays are. */
function waitFor(shown: Promise<void>, { cell }: Executor): void {
  const tracked = shown.finally(() => cell?.displays.delete(tracked))
  cell?.displays.add(tracked)
}
