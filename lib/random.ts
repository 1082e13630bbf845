/** A repeatable source of random numbers: the i-th one is a pure function of the seed and i, so a saved count resumes it. */
export interface Random {
  /** Uniform in [0, 1), 32 bits fine. */
  next(): number
  /** A whole number, uniform in [0, count). */
  below(count: number): number
  /** The same items in a random order (Fisher-Yates); the argument is left as it is. */
  shuffled<T>(items: readonly T[]): T[]
}

/** Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (OOPSLA 2014), in 32 bits, keyed twice so that near seeds share no stretch. */
export function random(seed: number, start = 0): Random {
  const key = mixed(Math.imul(seed | 0, 0x85ebca6b) + 0x9e3779b9)
  const tweak = mixed(key ^ 0x6a09e667)
  let count = start

  const next = () => (mixed(mixed(key + Math.imul(count++, 0x9e3779b9)) ^ tweak) >>> 0) / 2 ** 32
  const below = (limit: number) => Math.floor(next() * limit)

  function shuffled<T>(items: readonly T[]): T[] {
    const order = [...items]
    for (let last = order.length - 1; last > 0; last--) {
      const other = below(last + 1)
      ;[order[last], order[other]] = [order[other], order[last]]
    }
    return order
  }

  return { next, below, shuffled }
}

/** Every bit of the result depends on every bit of `x`. Constants: https://github.com/skeeto/hash-prospector */
function mixed(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0xd35a2d97)
  return x ^ (x >>> 15)
}
