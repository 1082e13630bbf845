const CELL = Symbol.for('hone.cell')

/** What interrupts the notebook cell that runs this; undefined outside a notebook, where nothing ever does. */
export function cellSignal(): AbortSignal | undefined {
  return (globalThis as { [CELL]?: { readonly signal: AbortSignal } })[CELL]?.signal
}

/** Throws what interrupted the notebook cell that runs this, if anything did. */
export function throwIfInterrupted(): void {
  cellSignal()?.throwIfAborted()
}

/** Settles as the promise does, or fails as soon as something interrupts the notebook cell that runs this. */
export function unlessInterrupted<T>(promise: Promise<T>): Promise<T> {
  const signal = cellSignal()
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
