import type { Chart } from '../plot/chart.ts'

type Display = (value: unknown, options: { id: string }) => { update(value: unknown): void }

/** Seconds between two drawings. */
const INTERVAL = 1

/** A chart that is drawn anew, now and then, while its figures grow; nothing outside a notebook. */
export class LiveChart {
  readonly #draw: () => Chart
  readonly #display = (globalThis as { display?: Display }).display
  #handle: { update(value: unknown): void } | undefined
  #drawn = -Infinity

  constructor(draw: () => Chart) {
    this.#draw = draw
  }

  /** Draws it, if the last drawing is not too young. What moves is the specification alone, which a front end draws itself. */
  update(): void {
    const now = performance.now()
    if (!this.#display || now - this.#drawn < INTERVAL * 1000) return
    this.#drawn = now
    this.#show(specificationOnly(this.#draw()))
  }

  /** Draws it a last time, for front ends and files of every kind. */
  done(): void {
    if (this.#handle) this.#show(this.#draw())
  }

  #show(view: unknown): void {
    if (this.#handle) this.#handle.update(view)
    else this.#handle = this.#display!(view, { id: crypto.randomUUID() })
  }
}

function specificationOnly({ spec, text }: Chart) {
  return { [Symbol.for('Jupyter.display')]: () => ({ 'application/vnd.vegalite.v5+json': spec, 'text/plain': text }) }
}
