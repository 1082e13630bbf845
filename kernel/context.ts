import { AsyncLocalStorage } from 'node:async_hooks'
import { promiseHooks } from 'node:v8'

/** A value that follows the code it was given to through promises and timers. */
export interface Context<T> {
  /** The value for the running code. */
  get(): T | undefined
  /** The value for the code that made a promise. */
  of(promise: Promise<unknown>): T | undefined
  run(value: T, callback: () => void): void
  /** Runs what is not to have a value. */
  outside<Result>(callback: () => Result): Result
  /** Forgets a value that terminated code left behind. */
  reset(): void
}

/**
 * AsyncLocalStorage where Node keeps it in V8 (Node 24, or 22 with a flag: command.ts). Elsewhere it rests on async_hooks,
 * whose bookkeeping a termination breaks, and Node then aborts; promise hooks of V8 have none.
 * https://nodejs.org/api/async_context.html
 */
export function createContext<T extends object>(): Context<T> {
  const isInV8 = Number.parseInt(process.versions.node) >= 24 || process.execArgv.includes('--experimental-async-context-frame')
  return isInV8 ? new NativeContext<T>() : new HookedContext<T>()
}

class NativeContext<T> implements Context<T> {
  readonly #storage = new AsyncLocalStorage<T | undefined>()

  get(): T | undefined {
    return this.#storage.getStore()
  }

  of(): T | undefined {
    return this.get()
  }

  run(value: T, callback: () => void): void {
    this.#storage.run(value, callback)
  }

  outside<Result>(callback: () => Result): Result {
    return this.#storage.exit(callback)
  }

  reset(): void {
    this.#storage.enterWith(undefined)
  }
}

type Callback = (...args: unknown[]) => unknown
type Scheduler = (callback: Callback, ...rest: unknown[]) => unknown

class HookedContext<T extends object> implements Context<T> {
  #current: T | undefined
  readonly #values = new WeakMap<Promise<unknown>, T>()

  constructor() {
    promiseHooks.createHook({
      init: (promise) => void (this.#current && this.#values.set(promise, this.#current)),
      before: (promise) => void (this.#current = this.#values.get(promise)),
      after: () => void (this.#current = undefined),
    })
    globalThis.queueMicrotask = this.#following(globalThis.queueMicrotask as Scheduler) as never
    process.nextTick = this.#following(process.nextTick as Scheduler)
  }

  get(): T | undefined {
    return this.#current
  }

  of(promise: Promise<unknown>): T | undefined {
    return this.#values.get(promise)
  }

  run(value: T, callback: () => void): void {
    this.#current = value
    callback()
    this.#current = undefined
  }

  outside<Result>(callback: () => Result): Result {
    const before = this.#current
    this.#current = undefined
    try {
      return callback()
    } finally {
      this.#current = before
    }
  }

  reset(): void {
    this.#current = undefined
  }

  /** A scheduler whose callbacks keep the value. One that throws leaves it set, for the handler of uncaught exceptions. */
  #following(schedule: Scheduler): Scheduler {
    const following: Scheduler = (callback, ...rest) => {
      const value = this.#current
      if (value === undefined || typeof callback !== 'function') return schedule(callback, ...rest)
      const inContext = (...args: unknown[]) => this.run(value, () => callback(...args))
      return schedule(inContext, ...rest)
    }
    return Object.defineProperties(following, Object.getOwnPropertyDescriptors(schedule))
  }
}
