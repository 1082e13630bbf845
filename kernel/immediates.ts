import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'

type Callback = (...args: unknown[]) => void

/**
 * Makes immediates safe to terminate: their callbacks run from the queue of ticks. Terminated in Node's own queue of
 * immediates, one stays at its head as already run, and Node fails over it for ever.
 * https://github.com/nodejs/node/blob/main/lib/internal/timers.js (processImmediate)
 */
export function protectImmediates(): void {
  const original = timers.setImmediate
  const setImmediate = (callback: Callback, ...args: unknown[]): NodeJS.Immediate => {
    if (typeof callback !== 'function') return original(callback)
    return original(() => process.nextTick(callback, ...args))
  }
  const compatible = Object.defineProperties(setImmediate, Object.getOwnPropertyDescriptors(original)) as typeof original
  globalThis.setImmediate = compatible
  timers.setImmediate = compatible
  syncBuiltinESMExports()
}
