const CELL = Symbol.for('hone.cell')

/** Aborts when the notebook cell that runs this is interrupted. Undefined outside a notebook. */
export function interruptSignal(): AbortSignal | undefined {
  return (globalThis as { [CELL]?: { readonly signal: AbortSignal } })[CELL]?.signal
}

/** Throws what interrupted the notebook cell that runs this, if anything did. Outside a notebook nothing ever does. */
export function throwIfInterrupted(): void {
  interruptSignal()?.throwIfAborted()
}
