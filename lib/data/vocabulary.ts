/** The words of a text: lower case, ASCII punctuation taken out (so "don't" is one word, and "end.<br" too), then split at white space as Unicode has it. */
export function tokenize(text: string): string[] {
  return text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, '').split(/[\s\u0085]+/).filter(Boolean)
}

/** The number of padding, in a vocabulary and in what `encode` writes. */
const PADDING = 0
const UNKNOWN = 1
const RESERVED = ['<pad>', '<unk>']

/** Words by number: 0 is padding, 1 any word that is not known, then the commonest first. */
export class Vocabulary {
  readonly words: readonly string[]
  readonly #numbers: ReadonlyMap<string, number>

  private constructor(words: readonly string[]) {
    this.words = words
    this.#numbers = new Map(words.map((word, number) => [word, number]))
  }

  /** The commonest words of some texts, at most as many as make `size` entries with padding and unknown; of equally common ones those that came first. */
  static of(texts: Iterable<readonly string[]>, size = Infinity): Vocabulary {
    const counts = new Map<string, number>()
    for (const words of texts) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
    const commonest = [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word)
    return new Vocabulary([...RESERVED, ...commonest.slice(0, Math.max(0, size - RESERVED.length))])
  }

  /** Number of entries, padding and unknown included. */
  get size(): number {
    return this.words.length
  }

  /** The first `length` words by number; fewer are padded in front, so that a network's last step sees the text's end. */
  encode(words: readonly string[], length: number): number[] {
    const numbers = words.slice(0, length).map((word) => this.#numbers.get(word) ?? UNKNOWN)
    return [...Array.from({ length: length - numbers.length }, () => PADDING), ...numbers]
  }

  /** What the numbers stand for, without padding. */
  decode(numbers: Iterable<number | bigint>): string {
    return Array.from(numbers, Number).filter((number) => number !== PADDING).map((number) => this.words[number] ?? RESERVED[UNKNOWN]).join(' ')
  }

  toString(): string {
    return `vocabulary of ${this.size.toLocaleString('en')} entries: ${this.words.slice(0, 8).join(', ')} ...`
  }
}
