import { setTimeout as sleep } from 'node:timers/promises'
import { deferred, type Deferred } from './deferred.ts'
import { endNewestChild } from './processes.ts'
import type { CellInspector } from './inspector.ts'
import { RUNTIME } from './rewrite.ts'
import { Flag, Insistence, Interrupt, Stillness, type ToCellThread } from './threads.ts'

/** Milliseconds between two attempts to end a cell, at first and when it goes on for long. */
const INTERVAL_MS = 2
const LONG_INTERVAL_MS = 50
/** After how many milliseconds each insistence begins. */
const TERMINATE_MS = 8
const TERMINATE_VM_MS = 40
const FORCE_MS = 250
/** How long packages that are being loaded, and other work that must not be cut short, are let finish. */
const PATIENCE_MS = 5000
/** After how many milliseconds a child process that the cell thread waits for is ended. */
const CHILD_PATIENCE_MS = 20
/** After how many milliseconds a cell that goes on needs an explanation. */
const EXPLAIN_MS = 1000

/**
 * Interrupts the cell thread. A cell that waits ends by a message. One that is busy is told by an evaluation that the inspector
 * puts on top of whatever runs (executor.ts): then its awaits and its loops throw. What goes on all the same is terminated,
 * where the cell thread sees that nothing is cut in two by it; native code is left to return (native.ts).
 */
export class Interrupter {
  readonly #inspector: CellInspector
  readonly #flags: Int32Array
  readonly #post: (message: ToCellThread) => void
  readonly #warn: (text: string) => void
  #current: Promise<void> | undefined
  #isUrgent = false
  #isTelling = false
  /** Resolved when what is interrupted has ended and nothing of it runs. */
  #quiet: (Deferred<void> & { isQuiet: boolean }) | undefined
  #terminated: Promise<unknown> = Promise.resolve()

  constructor(inspector: CellInspector, flags: Int32Array, post: (message: ToCellThread) => void, warn: (text: string) => void) {
    this.#inspector = inspector
    this.#flags = flags
    this.#post = post
    this.#warn = warn
  }

  /** Resolves when no interrupt is under way. */
  get idle(): Promise<void> {
    return this.#current ?? Promise.resolve()
  }

  /** Resolves when all that runs has ended and nothing of the interrupt can reach what is begun later. A second call has no patience. */
  interrupt(): Promise<void> {
    if (this.#current !== undefined) this.#isUrgent = true
    this.#current ??= this.#persist().finally(() => (this.#current = undefined))
    return this.#current
  }

  /** All that was interrupted has ended, and nothing of it runs. */
  rest(): void {
    if (this.#quiet === undefined) return
    this.#quiet.isQuiet = true
    this.#quiet.resolve()
  }

  /** The cell thread stands still where it may be terminated. It does not wait for long. */
  terminateThere(): void {
    if (this.#quiet === undefined || Atomics.compareExchange(this.#flags, Flag.stillness, Stillness.still, Stillness.asking) !== Stillness.still) return
    this.#terminated = this.#inspector.terminate(this.#quiet.promise).then(() => Atomics.store(this.#flags, Flag.interrupt, Interrupt.asked))
    Atomics.store(this.#flags, Flag.stillness, Stillness.asked)
  }

  async #persist(): Promise<void> {
    const start = performance.now()
    const explanation = setTimeout(() => this.#explain(), EXPLAIN_MS)
    this.#isUrgent = false
    const quiet = (this.#quiet = { isQuiet: false, ...deferred<void>() })
    Atomics.store(this.#flags, Flag.interrupt, Interrupt.asked)
    this.#wake()
    this.#post({ type: 'interrupt' })
    while (!quiet.isQuiet) {
      const elapsed = performance.now() - start
      this.#post({ type: 'end', isUrgent: this.#isUrgent })
      if (elapsed > CHILD_PATIENCE_MS && this.#isTelling && this.#is(Flag.childProcess) && !this.#is(Flag.whole)) endNewestChild()
      this.#tell(this.#insistenceAfter(elapsed))
      await Promise.race([quiet.promise, sleep(Math.min(INTERVAL_MS + elapsed / 10, LONG_INTERVAL_MS))])
      await this.#terminated
    }
    this.#quiet = undefined
    clearTimeout(explanation)
    Atomics.store(this.#flags, Flag.interrupt, Interrupt.none)
  }

  #insistenceAfter(elapsed: number): Insistence {
    const isPatient = elapsed < PATIENCE_MS && !this.#isUrgent
    if (elapsed < TERMINATE_MS || (isPatient && this.#is(Flag.whole))) return Insistence.tell
    if (isPatient && this.#is(Flag.loading)) return Insistence.terminateOwn
    if (elapsed < FORCE_MS) return elapsed < TERMINATE_VM_MS ? Insistence.terminate : Insistence.terminateVm
    return Insistence.force
  }

  /** Tells the cell thread, whatever JavaScript it runs. Native code does not listen. */
  #tell(insistence: Insistence): void {
    if (this.#isTelling) return
    this.#isTelling = true
    const expression = `${RUNTIME}.reach(${insistence})`
    const told = this.#inspector.call('Runtime.evaluate', { expression, silent: true })
    const end = () => (this.#isTelling = false)
    told.then(end, () => {
      end()
      if (insistence === Insistence.force && !this.#is(Flag.native)) void this.#inspector.terminate(Promise.resolve())
    })
  }

  /** Says why a cell goes on. */
  #explain(): void {
    if (this.#is(Flag.native)) this.#warn('The cell will end when the native code that it called returns.\n')
    else if (this.#is(Flag.loading)) this.#warn('The cell will end when the modules that it imports are loaded. Interrupt once more to end it at once: half-loaded modules may stay behind.\n')
    else if (this.#is(Flag.asyncHooks)) this.#warn('The cell ends when it next awaits or loops: code that uses async_hooks cannot be stopped elsewhere. Or restart the kernel.\n')
    else this.#warn('The cell is inside a call that cannot be cut short. It will end when that call returns; or restart the kernel.\n')
  }

  /** A cell that sleeps until an answer comes (stdin.ts) shall look up. */
  #wake(): void {
    Atomics.add(this.#flags, Flag.answers, 1)
    Atomics.notify(this.#flags, Flag.answers)
  }

  #is(place: number): boolean {
    return Atomics.load(this.#flags, place) > 0
  }
}
