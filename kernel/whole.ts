import { Flag } from './threads.ts'

let flags: Int32Array | undefined

/** To be called on the cell thread. */
export function countWhole(shared: Int32Array): void {
  flags = shared
}

/** Does what a termination must not cut in two, as compilers that keep state. An interrupt waits for it (interrupt.ts). */
export function whole<T>(work: () => T): T {
  if (flags === undefined) return work()
  Atomics.add(flags, Flag.whole, 1)
  try {
    return work()
  } finally {
    Atomics.sub(flags, Flag.whole, 1)
  }
}
