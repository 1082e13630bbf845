import { Flag } from './threads.ts'

/** How many outputs may be under way. What a cell has written when it is interrupted is still sent, and is to take no time. */
const MOST = 100
/** After how many that have been taken the cell thread is woken. */
const WAKE = 32

/** Holds the cell thread back where it makes outputs faster than the protocol thread sends them. */
export class Backpressure {
  readonly #flags: Int32Array
  #posted = 0

  constructor(flags: Int32Array) {
    this.#flags = flags
  }

  /** To be called for each output. Sleeps while too many are under way. */
  hold(): void {
    this.#posted = (this.#posted + 1) | 0
    for (let taken = this.#taken; ((this.#posted - taken) | 0) > MOST; taken = this.#taken) Atomics.wait(this.#flags, Flag.outputs, taken)
  }

  get #taken(): number {
    return Atomics.load(this.#flags, Flag.outputs)
  }
}

/** To be called on the protocol thread when an output has been taken. */
export function releaseOutput(flags: Int32Array): void {
  const taken = Atomics.add(flags, Flag.outputs, 1) + 1
  if (taken % WAKE === 0) Atomics.notify(flags, Flag.outputs)
}
