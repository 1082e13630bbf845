import { SourceError } from './source-error.ts'

/** What the kernel, Node and packages rest on, as it was when the kernel began. Cells share it with them, and may damage it. */

const { defineProperty, get, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect

/** Globals whose functions and methods are kept. */
const LANGUAGE = `Object Function Array String Number Boolean Symbol BigInt Promise Map Set WeakMap WeakSet WeakRef FinalizationRegistry RegExp Date Math JSON Reflect Atomics
  Proxy Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError ArrayBuffer SharedArrayBuffer DataView Uint8Array Int32Array Float32Array Float64Array`
/** Globals that are kept as such. */
const PLATFORM = `globalThis process Buffer URL URLSearchParams AbortController AbortSignal TextDecoder TextEncoder WebAssembly Event EventTarget performance queueMicrotask
  setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate structuredClone`

interface Kept {
  path: string
  owner: object
  key: PropertyKey
  descriptor: PropertyDescriptor
}

/** To be made when the kernel has replaced what it replaces. */
export class Intrinsics {
  /** An array, for loops over others call what may be damaged. */
  readonly #kept: readonly Kept[]
  readonly #tell: (text: string) => void

  /** `tell` says what was put back. */
  constructor(tell: (text: string) => void) {
    this.#tell = tell
    const kept: Kept[] = []
    const keep = (path: string, owner: object, keys: readonly PropertyKey[] = ownKeys(owner)) => {
      for (const key of keys) {
        const descriptor = descriptorOf(owner, key)
        if (descriptor !== undefined && isPart(descriptor)) kept.push({ path: typeof key === 'symbol' ? `${path}[${key.description}]` : path + String(key), owner, key, descriptor })
      }
    }
    const language = LANGUAGE.split(/\s+/)
    keep('', globalThis, [...language, ...PLATFORM.split(/\s+/)])
    for (const name of language) {
      const global = (globalThis as unknown as Record<string, { prototype?: object }>)[name]
      keep(`${name}.`, global)
      if (global.prototype !== undefined) keep(`${name}.prototype.`, global.prototype)
    }
    const iterators = [[].values(), new Map().keys(), new Set().keys(), ''[Symbol.iterator](), ''.matchAll(/./g), (function* () {})(), (async function* () {})()]
    for (const iterator of [...iterators, new Uint8Array(0)]) {
      for (let owner = getPrototypeOf(iterator); owner !== null && owner !== Object.prototype; owner = getPrototypeOf(owner)) keep('', owner)
    }
    this.#kept = kept
  }

  /**
   * Puts back what is gone or is of another type, as with `Array.prototype.map = null`; `all` puts back what was replaced by something
   * that might do, too. Answers whether there was any.
   */
  repair(all: boolean): boolean {
    const kept = this.#kept
    let repaired = ''
    for (let i = 0; i < kept.length; i++) {
      const { path, owner, key, descriptor } = kept[i]
      const now = descriptorOf(owner, key)
      const isSame = now !== undefined && now.value === descriptor.value && now.get === descriptor.get
      const isDamaged = now === undefined || typeof now.value !== typeof descriptor.value || now.value === null || typeof now.get !== typeof descriptor.get
      if (!isSame && (all || isDamaged) && defineProperty(owner, key, descriptor)) repaired += `${repaired === '' ? '' : ', '}${path}`
    }
    if (repaired !== '') this.#tell(`Put back, for without it neither the kernel nor packages can work: ${repaired}\n`)
    return repaired !== ''
  }

  /** Does the kernel's own work, which fails where a cell has damaged what it rests on. */
  soundly<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (error instanceof SourceError || !this.repair(true)) throw error
      return work()
    }
  }
}

/** Node's globals are accessors that keep what is assigned to them. */
function descriptorOf(owner: object, key: PropertyKey): PropertyDescriptor | undefined {
  const descriptor = getOwnPropertyDescriptor(owner, key)
  return owner === globalThis && descriptor?.get !== undefined ? { configurable: true, enumerable: false, writable: true, value: get(owner, key) as unknown } : descriptor
}

function isPart({ value, get }: PropertyDescriptor): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null) || get !== undefined
}
