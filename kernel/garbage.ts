import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { CellInspector } from './inspector.ts'
import { log } from './log.ts'

/** After how many cells it is collected. */
const CELLS = 500
/** Bytes of a heap that is looked through in a moment. A larger one is the person's, and V8 looks after it. */
const SMALL = 100e6

/**
 * Has V8 let go of what cells leave behind, as their compiled scripts: it keeps those for long, and garbage as long as there is memory.
 * https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#method-collectGarbage
 */
export class GarbageCollection {
  readonly #inspector: CellInspector
  #cells = 0
  #collectHere: (() => void) | undefined

  constructor(inspector: CellInspector) {
    this.#inspector = inspector
  }

  /** To be called after each cell. */
  count(): void {
    this.#cells++
    if (this.#cells % CELLS === 0) this.#collect().catch((error: Error) => log(error.message))
  }

  /** On the cell thread it waits until nothing else runs. */
  async #collect(): Promise<void> {
    this.#collectHere ??= exposedCollection()
    this.#collectHere()
    const { usedSize } = await this.#inspector.call<{ usedSize: number }>('Runtime.getHeapUsage')
    if (usedSize < SMALL) await this.#inspector.call('HeapProfiler.collectGarbage')
  }
}

/** Collects the garbage of the thread that runs. The inspector's own way is for other threads: the thread itself would wait for it for ever. */
function exposedCollection(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}
