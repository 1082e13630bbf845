import { writeSync } from 'node:fs'

/**
 * Writes a line to the kernel's own stderr, which Jupyter keeps as its log. The stream `process.stderr` is the cells': what a
 * worker thread writes to it would stand below a cell.
 */
export function log(text: string): void {
  try {
    writeSync(2, `hone kernel: ${text}\n`)
  } catch {
    // Nobody reads it any more.
  }
}
