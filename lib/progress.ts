import cliProgress from 'cli-progress'

/** How far a piece of work has come. */
export interface Progress {
  /** `amount` more is done (1). */
  tick(amount?: number): void
  /** All is done, or as much as ever will be. */
  done(): void
}

interface State {
  readonly label: string
  /** From 0 to 1. */
  readonly share: number
  /** Done and total, as a person reads them. */
  readonly count: string
  readonly seconds: number
}

interface Surface {
  show(state: State): void
  end(state: State): void
}

type Display = (value: unknown, options: { id: string }) => { update(value: unknown): void }

const BETWEEN_UPDATES = 100
const BETWEEN_LINES = 5000

/**
 * Shows how far work of `total` units has come, at most ten times a second, the last state in any case: an updating display in a notebook, a bar on a terminal, now and then a
 * line elsewhere (on stderr). `format` writes an amount for people.
 */
export function progress(label: string, total: number, format: (amount: number) => string = String): Progress {
  const surface = chosenSurface()
  const start = performance.now()
  let amount = 0
  let shown = -Infinity
  let later: NodeJS.Timeout | undefined

  const state = (): State => ({
    label,
    share: total > 0 ? Math.min(amount / total, 1) : 1,
    count: `${format(Math.min(amount, total))}/${format(total)}`,
    seconds: (performance.now() - start) / 1000,
  })

  const show = (): void => {
    clearTimeout(later)
    later = undefined
    shown = performance.now()
    surface.show(state())
  }

  return {
    tick(more = 1) {
      amount += more
      const wait = shown + BETWEEN_UPDATES - performance.now()
      if (wait > 0) later ??= setTimeout(show, wait).unref()
      else show()
    },
    done() {
      clearTimeout(later)
      surface.end(state())
    },
  }
}

function chosenSurface(): Surface {
  const { display } = globalThis as { display?: Display }
  if (display) return notebook(display)
  return process.stderr.isTTY ? bar() : lines()
}

function notebook(display: Display): Surface {
  const id = crypto.randomUUID()
  let handle: { update(value: unknown): void } | undefined
  const show = (state: State, html: string) => {
    const view = { [Symbol.for('Jupyter.display')]: () => ({ 'text/plain': text(state), 'text/html': html }), toString: () => text(state) }
    if (handle) handle.update(view)
    else handle = display(view, { id })
  }
  return { show: (state) => show(state, running(state)), end: (state) => show(state, ended(state)) }
}

function bar(): Surface {
  const options = { format: '{label} {bar} {percentage} % | {count} | {seconds} s', hideCursor: true, clearOnComplete: false, stream: process.stderr }
  const line = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic)
  const show = ({ share, ...payload }: State) => {
    const shown = { ...payload, seconds: payload.seconds.toFixed(1) }
    if (line.isActive) line.update(Math.round(100 * share), shown)
    else line.start(100, Math.round(100 * share), shown)
  }
  return {
    show,
    end(state) {
      show(state)
      line.stop()
    },
  }
}

/** Work that is soon done leaves no line at all. */
function lines(): Surface {
  let last = performance.now()
  let written = false
  const write = (state: State) => process.stderr.write(`${text(state)}\n`)
  return {
    show(state) {
      if (performance.now() - last < BETWEEN_LINES) return
      last = performance.now()
      written = true
      write(state)
    },
    end(state) {
      if (written) write(state)
    },
  }
}

const text = ({ label, share, count, seconds }: State) => `${label}: ${Math.floor(100 * share)} % (${count}, ${seconds.toFixed(1)} s)`

function running({ label, share, count, seconds }: State): string {
  const bar = `<progress value="${share}" max="1" style="flex:0 1 20em"></progress>`
  return `<div style="display:flex;gap:1em;align-items:center"><span>${escaped(label)}</span>${bar}<span style="font-variant-numeric:tabular-nums">${count} · ${seconds.toFixed(1)} s</span></div>`
}

/** What is over takes little room in a report. */
function ended({ label, count, seconds }: State): string {
  return `<div style="opacity:0.6;font-size:smaller">${escaped(label)} · ${count} · ${seconds.toFixed(1)} s</div>`
}

function escaped(label: string): string {
  return label.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
