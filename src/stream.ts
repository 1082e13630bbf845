/** More text than this of one stream is cut in the middle. */
const HALF = 1_000_000

/** The text of a stream as a terminal leaves it: what was written over by a carriage return is gone, and of a flood both ends are kept. */
export class StreamText {
  #head = ''
  #tail = ''
  #line = ''
  #lost = 0

  append(text: string): void {
    const all = this.#line + text
    const end = all.length > HALF ? all.length : all.lastIndexOf('\n') + 1
    this.#line = overwritten(all.slice(end))
    this.#keep(overwritten(all.slice(0, end)))
  }

  toString(): string {
    const gap = this.#lost > 0 ? `\n… ${this.#lost.toLocaleString('en')} characters left out …\n` : ''
    return this.#head + gap + this.#tail + this.#line
  }

  #keep(text: string): void {
    const room = HALF - this.#head.length
    this.#head += text.slice(0, room)
    this.#tail += text.slice(room)
    if (this.#tail.length < 2 * HALF) return
    this.#lost += this.#tail.length - HALF
    this.#tail = this.#tail.slice(-HALF)
  }
}

/** A carriage return goes back to the line's start; at the very end it waits for what comes. */
function overwritten(text: string): string {
  return text.includes('\r') ? text.replaceAll(/\r+\n/g, '\n').replaceAll(/[^\n]*\r(?=[^\n])/g, '') : text
}
