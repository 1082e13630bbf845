import childProcess, { type ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import type { Worker } from 'node:worker_threads'
import type { Context } from './context.ts'
import { Interrupted } from './native.ts'
import { endTree } from './processes.ts'
import type { RunningCell } from './running-cell.ts'
import { Flag, Interrupt } from './threads.ts'

type Started = EventEmitter & { ref(): void; unref(): void }

/**
 * Has what a cell starts (processes, workers, requests) end when the cell is interrupted. What the process would not wait for, as the
 * service of a library that loads lazily, goes on.
 */
export function endWithTheirCell(cells: Context<RunningCell>, flags: Int32Array): void {
  const endLater = (started: Started, end: () => void) => {
    const signal = cells.get()?.handle.signal
    if (signal === undefined) return
    const isReferenced = followReferences(started)
    const endUnlessService = () => isReferenced() && end()
    signal.addEventListener('abort', endUnlessService, { once: true })
    started.once('exit', () => signal.removeEventListener('abort', endUnlessService))
  }
  // https://nodejs.org/api/diagnostics_channel.html#built-in-channels
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess }
    endLater(child, () => child.pid !== undefined && endTree(child.pid))
  })
  subscribe('worker_threads', (message) => {
    const { worker } = message as { worker: Worker }
    if (worker.constructor.name !== 'InternalWorker') endLater(worker, () => void worker.terminate())
  })
  noticeSynchronousChildren(flags)
  globalThis.fetch = fetchForCells(cells)
}

function followReferences(started: Started): () => boolean {
  let isReferenced = true
  for (const name of ['ref', 'unref'] as const) {
    const original = started[name]
    const noting = () => {
      isReferenced = name === 'ref'
      original.call(started)
    }
    Object.defineProperty(started, name, { value: noting, configurable: true, writable: true })
  }
  return () => isReferenced
}

/** The protocol thread ends the process that this thread waits for (interrupt.ts). */
function noticeSynchronousChildren(flags: Int32Array): void {
  const ended = () => {
    Atomics.store(flags, Flag.childProcess, 0)
    if (Atomics.load(flags, Flag.interrupt) !== Interrupt.none) throw new Interrupted()
  }
  for (const name of ['spawnSync', 'execFileSync', 'execSync'] as const) {
    const original = childProcess[name] as (...args: unknown[]) => unknown
    const noticed = (...args: unknown[]): unknown => {
      Atomics.store(flags, Flag.childProcess, 1)
      try {
        const result = original(...args)
        ended()
        return result
      } catch (error) {
        ended()
        throw error
      }
    }
    Object.assign(childProcess, { [name]: Object.defineProperties(noticed, Object.getOwnPropertyDescriptors(original)) })
  }
  syncBuiltinESMExports()
}

function fetchForCells(cells: Context<RunningCell>): typeof fetch {
  const original = globalThis.fetch
  const following: typeof fetch = (input, init) => {
    const signal = cells.get()?.handle.signal
    if (signal === undefined) return original(input, init)
    const own = init?.signal ?? (input instanceof Request ? input.signal : undefined)
    return original(input, { ...init, signal: own ? AbortSignal.any([signal, own]) : signal })
  }
  return Object.defineProperties(following, Object.getOwnPropertyDescriptors(original))
}
