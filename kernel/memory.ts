import type { CellInspector } from './inspector.ts'

const INTERVAL_MS = 100
/** Share of the heap that is worth a warning: garbage collection holds it below, so what is above it is needed. */
const NEARLY_FULL = 0.8

/**
 * Warns when the cell thread's heap is nearly full. V8 ends the whole process when it is full, so the reason must have been
 * said before.
 */
export class MemoryWatch {
  readonly #inspector: CellInspector
  readonly #limit: number
  readonly #warn: (text: string) => void
  #timer: NodeJS.Timeout | undefined

  /** The limit of the cell thread's heap is in bytes. */
  constructor(inspector: CellInspector, limit: number, warn: (text: string) => void) {
    this.#inspector = inspector
    this.#limit = limit
    this.#warn = warn
  }

  /** May be called while it watches already. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), INTERVAL_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    void this.#inspector.call<{ usedSize?: number }>('Runtime.getHeapUsage').then((usage) => {
      const { usedSize = 0 } = usage ?? {}
      if (this.#timer === undefined || usedSize < NEARLY_FULL * this.#limit) return
      this.stop()
      const [used, limit] = [usedSize, this.#limit].map((bytes) => Math.round(bytes / 2 ** 20))
      this.#warn(
        `The JavaScript heap is nearly full (${used} of ${limit} MiB). When it is out of memory the kernel dies and every variable is lost: ` +
          'interrupt the cell, or start the kernel with a larger --max-old-space-size (environment variable NODE_OPTIONS).\n',
      )
    })
  }
}
