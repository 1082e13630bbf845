import type { Range } from './calibrate.ts'

/** How a range is cut, given how often numbers occur: rare ones beyond it saturate. */
export type CutMethod = 'percentile' | 'entropy' | 'mse'

const BINS = 2048

/** Levels of an 8-bit number. */
const LEVELS = 256

/** Share of the numbers that percentile leaves out at each end. */
const TAIL = 1e-4

/** Ranges that are tried, as shares of the whole. */
const SHARES = Array.from({ length: 91 }, (_, i) => 1 - i / 100)

/** How often numbers of a known range occur; of the same size however many are counted. */
export class Histogram {
  readonly low: number
  readonly high: number
  readonly counts = new Float64Array(BINS)
  /** Zeros are counted apart: every range holds them exactly, and behind a ReLU they outweigh all else. */
  zeros = 0

  constructor([low, high]: Range) {
    this.low = Math.min(low, 0)
    this.high = Math.max(high, 0)
  }

  add(numbers: Float32Array): void {
    const { counts, low } = this
    const perBin = BINS / (this.high - low || 1)
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] === 0) this.zeros++
      else counts[Math.max(0, Math.min(BINS - 1, Math.floor((numbers[i] - low) * perBin)))]++
    }
  }

  /** The range that a method keeps; 0 always lies in it. */
  cut(method: CutMethod): Range {
    if (method === 'percentile') return this.#percentile()
    const cost = method === 'mse' ? (range: Range) => this.#squaredError(range) : (range: Range) => this.#divergence(range)
    const tried = SHARES.map((share): Range => [this.low * share, this.high * share]).map((range) => ({ range, cost: cost(range) }))
    return tried.reduce((a, b) => (b.cost < a.cost ? b : a)).range
  }

  #percentile(): Range {
    const tail = TAIL * (sum(this.counts) + this.zeros)
    let [first, last] = [0, BINS - 1]
    for (let gone = this.counts[first]; gone <= tail && first < last; gone += this.counts[first]) first++
    for (let gone = this.counts[last]; gone <= tail && last > first; gone += this.counts[last]) last--
    return [Math.min(0, this.#at(first)), Math.max(0, this.#at(last + 1))]
  }

  /** Where a bin begins. */
  #at(bin: number): number {
    return this.low + ((this.high - this.low) * bin) / BINS
  }

  /** Of rounding to the levels of a range, and of saturating beyond it. */
  #squaredError([low, high]: Range): number {
    const step = (high - low) / (LEVELS - 1)
    return this.counts.reduce((sum, count, bin) => {
      const x = this.#at(bin + 0.5)
      const level = Math.min(high, Math.max(low, Math.round((x - low) / step) * step + low))
      return sum + count * (x - level) ** 2
    }, 0)
  }

  /**
   * Kullback-Leibler divergence of what a range makes of the distribution from the distribution, in which what is beyond the range lies at its ends. Migacz 2017,
   * "8-bit inference with TensorRT"
   */
  #divergence([low, high]: Range): number {
    const bin = (x: number) => Math.max(0, Math.min(BINS, Math.round(((x - this.low) / (this.high - this.low || 1)) * BINS)))
    const [from, to] = [bin(low), bin(high)]
    if (to - from < LEVELS) return Infinity
    const kept = this.counts.slice(from, to)
    const wanted = kept.slice()
    wanted[0] += sum(this.counts.subarray(0, from))
    wanted[wanted.length - 1] += sum(this.counts.subarray(to))
    const given = new Float64Array(kept.length)
    for (let level = 0; level < LEVELS; level++) {
      const [start, end] = [level, level + 1].map((l) => Math.floor((l * kept.length) / LEVELS))
      const part = kept.subarray(start, end)
      const filled = part.reduce((count, n) => count + (n > 0 ? 1 : 0), 0)
      const mean = filled ? sum(part) / filled : 0
      part.forEach((n, i) => (given[start + i] = n > 0 ? mean : 0))
    }
    const [all, total] = [sum(wanted), sum(given)]
    if (!total) return Infinity
    return wanted.reduce((divergence, n, i) => (n ? divergence + (n / all) * Math.log((n / all) / ((given[i] || 1e-9) / total)) : divergence), 0)
  }
}

const sum = (numbers: Float64Array): number => numbers.reduce((a, b) => a + b, 0)
