import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import type { Context } from './context.ts'
import type { RunningCell } from './running-cell.ts'

/** As it was: where a cell replaces it, timers go on. */
const { apply } = Reflect

type Callback = (this: unknown, ...args: unknown[]) => void
type Schedule = (callback: Callback, ...rest: unknown[]) => unknown

/**
 * Has timers belong to the cell that starts them: their callbacks run as a part of it, and no more when it has been interrupted meanwhile.
 * Callbacks of immediates run from the queue of ticks: terminated in Node's own queue of immediates, one stays at its head as already
 * run, and Node fails over it for ever. https://github.com/nodejs/node/blob/main/lib/internal/timers.js (processImmediate)
 */
export function followTimers(cells: Context<RunningCell>): void {
  const { setTimeout, setInterval, setImmediate, clearInterval } = timers
  const inCell = (callback: Callback): Callback => {
    const cell = cells.get()
    if (cell === undefined || typeof callback !== 'function') return callback
    const isCleanup = cell.isInterrupted
    return function (...args) {
      if (cell.isInterrupted && !isCleanup) clearInterval(this as NodeJS.Timeout)
      else cells.run(cell, () => apply(callback, this, args))
    }
  }
  const following = (schedule: Schedule): Schedule => (callback, ...rest) => schedule(inCell(callback), ...rest)
  const later: Schedule = (callback, ...args) => {
    if (typeof callback !== 'function') return setImmediate(callback)
    const due = inCell(callback)
    return setImmediate(function (this: unknown) {
      process.nextTick(() => apply(due, this, args))
    })
  }
  const replacements = { setTimeout: following(setTimeout as Schedule), setInterval: following(setInterval as Schedule), setImmediate: later }
  for (const [name, replacement] of Object.entries(replacements)) {
    const original = timers[name as keyof typeof replacements]
    Object.assign(timers, { [name]: Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(original)) })
    Object.assign(globalThis, { [name]: replacement })
  }
  syncBuiltinESMExports()
}
