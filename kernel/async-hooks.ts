import { createHook } from 'node:async_hooks'
import { Flag } from './threads.ts'

/**
 * Says in the flags when somebody turns async_hooks on; before Node 24 every AsyncLocalStorage does. From then on terminated
 * code would leave entries on their stack, over which Node aborts: interrupt.ts then terminates no more.
 */
export function noticeAsyncHooks(flags: Int32Array): void {
  const prototype = Object.getPrototypeOf(createHook({})) as ReturnType<typeof createHook>
  const { enable } = prototype
  prototype.enable = function () {
    Atomics.store(flags, Flag.asyncHooks, 1)
    return enable.call(this)
  }
}
