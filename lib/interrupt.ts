const CELL = Symbol.for('hone.cell')

/** Throws what interrupted the notebook cell that runs this, if anything did. Outside a notebook nothing ever does. */
export function throwIfInterrupted(): void {
  const cell = (globalThis as { [CELL]?: { readonly signal: AbortSignal } })[CELL]
  cell?.signal.throwIfAborted()
}
