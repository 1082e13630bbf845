import { Flag, Interrupt } from './threads.ts'

/**
 * Terminating JavaScript while a native addon is on the stack aborts the process. So everything that an addon exports is
 * wrapped: the wrapper says in shared memory that native code runs, and throws when an interrupt came meanwhile.
 * The protocol thread (interrupt.ts) says that it terminates and then looks whether native code runs; this side says that
 * native code runs and then looks whether it is terminated: so at least one of them sees the other.
 */
export function guardAddons(flags: Int32Array): void {
  const guard = new AddonGuard(flags)
  const load = process.dlopen
  process.dlopen = (module: { exports: unknown }, ...rest: unknown[]) => {
    guard.enter(() => Reflect.apply(load, process, [module, ...rest]))
    module.exports = guard.wrapExports(module.exports)
  }
}

/** What an await, a loop or a native call throws when an interrupt arrives. */
export class Interrupted extends Error {
  /** The place is that of the error, or given as lines of a stack. */
  constructor(place = '') {
    super('The cell was interrupted.')
    this.name = 'Interrupted'
    if (place !== '') this.stack = `Interrupted: ${this.message}\n${place}`
  }
}

type AnyFunction = (...args: unknown[]) => unknown

class AddonGuard {
  readonly #flags: Int32Array
  readonly #wrappers = new WeakMap<object, object>()

  constructor(flags: Int32Array) {
    this.#flags = flags
  }

  /** Runs native code. Throws Interrupted when an interrupt came while it ran. */
  enter<T>(native: () => T): T {
    this.#beginNative()
    try {
      return native()
    } finally {
      this.#endNative()
      this.#giveWay()
    }
  }

  /**
   * Where a termination is on its way, waits: it ends the loop, or it is called off because native code was seen.
   * V8 terminates only at loops and at the entry of functions, so there is none of either between counting and looking.
   */
  #beginNative(): void {
    const flags = this.#flags
    for (;;) {
      Atomics.add(flags, Flag.native, 1)
      if (Atomics.load(flags, Flag.interrupt) !== Interrupt.terminating) return
      Atomics.sub(flags, Flag.native, 1)
      while (Atomics.load(flags, Flag.interrupt) === Interrupt.terminating);
    }
  }

  #endNative(): void {
    Atomics.sub(this.#flags, Flag.native, 1)
  }

  #giveWay(): void {
    if (Atomics.load(this.#flags, Flag.interrupt) !== Interrupt.none) throw new Interrupted()
  }

  wrapExports(exports: unknown): unknown {
    if (typeof exports === 'function') return this.#wrapFunction(exports as AnyFunction)
    if (typeof exports !== 'object' || exports === null) return exports
    return Object.create(Object.getPrototypeOf(exports), this.#wrapProperties(exports))
  }

  /** A function or class that behaves as the given one. As a class it is a subclass, for native methods cannot be redefined. */
  #wrapFunction(original: AnyFunction): AnyFunction {
    const known = this.#wrappers.get(original)
    if (known !== undefined) return known as AnyFunction
    const call = (receiver: unknown, args: unknown[], target: AnyFunction | undefined) => {
      const callbacks = args.map((argument) => this.#wrapCallback(argument))
      const native = () => (target === undefined ? Reflect.apply(original, receiver, callbacks) : Reflect.construct(original, callbacks, target))
      return this.#adopt(this.enter(native))
    }
    function wrapper(this: unknown, ...args: unknown[]): unknown {
      return call(this, args, new.target as AnyFunction | undefined)
    }
    this.#wrappers.set(original, wrapper)
    const { prototype, ...statics } = this.#wrapProperties(original)
    Object.setPrototypeOf(wrapper, original)
    Object.defineProperties(wrapper, statics)
    if (prototype !== undefined) {
      const methods = Object.create(original.prototype as object, this.#wrapProperties(original.prototype as object)) as object
      Object.defineProperty(methods, 'constructor', { value: wrapper, writable: true, configurable: true })
      Object.defineProperty(wrapper, 'prototype', { value: methods })
      this.#wrappers.set(original.prototype as object, methods)
    }
    return wrapper
  }

  #wrapProperties(object: object): PropertyDescriptorMap {
    const descriptors = Object.getOwnPropertyDescriptors(object) as PropertyDescriptorMap
    for (const descriptor of Object.values(descriptors)) {
      descriptor.configurable = true
      for (const slot of ['value', 'get', 'set'] as const) {
        if (typeof descriptor[slot] === 'function') descriptor[slot] = this.#wrapFunction(descriptor[slot] as AnyFunction)
      }
    }
    return descriptors
  }

  /** An object that native code made of a wrapped class gets the wrapped methods too. */
  #adopt(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    const methods = this.#wrappers.get(Object.getPrototypeOf(value) ?? value)
    if (methods !== undefined) Object.setPrototypeOf(value, methods)
    return value
  }

  /** Native code calls a callback with itself on the stack, so nothing may be terminated there either. */
  #wrapCallback(argument: unknown): unknown {
    if (typeof argument !== 'function' || isClass(argument as AnyFunction)) return argument
    const call = (receiver: unknown, args: unknown[]) => {
      this.#beginNative()
      try {
        return Reflect.apply(argument, receiver, args)
      } finally {
        this.#endNative()
      }
    }
    return function (this: unknown, ...args: unknown[]): unknown {
      return call(this, args)
    }
  }
}

function isClass(value: AnyFunction): boolean {
  const methods = Object.getOwnPropertyNames(value.prototype ?? {})
  return methods.length > 1 || Function.prototype.toString.call(value).startsWith('class')
}
