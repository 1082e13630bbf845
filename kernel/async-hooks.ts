import { createHook } from 'node:async_hooks'
import { Flag } from './threads.ts'

/**
 * Terminated code leaves entries on the stack of async_hooks, over which Node aborts when they are in use, as for AsyncLocalStorage before
 * Node 24. Where Node lets it, the stack is cleared before a termination, as Node itself does for an uncaught exception.
 * https://github.com/nodejs/node/blob/v20.x/src/env.cc (AsyncHooks::pop_async_context)
 */
export function asyncStackClearer(): (() => void) | undefined {
  try {
    return (process as unknown as { binding(name: string): { clearAsyncIdStack?: () => void } }).binding('async_wrap').clearAsyncIdStack
  } catch {
    return undefined
  }
}

/** Where Node does not: says in the flags when somebody turns async_hooks on. From then on nothing is terminated (executor.ts). */
export function noticeAsyncHooks(flags: Int32Array): void {
  const prototype = Object.getPrototypeOf(createHook({})) as ReturnType<typeof createHook>
  const { enable } = prototype
  prototype.enable = function () {
    Atomics.store(flags, Flag.asyncHooks, 1)
    return enable.call(this)
  }
}
