import type { Random } from '../random.ts'

/** Which sample of the batch each one is blended with, and each one's own share. */
export interface Blend {
  readonly partners: readonly number[]
  readonly shares: readonly number[]
}

/** A blend of `count` samples: partners in random order, shares from Beta(alpha, alpha). */
export function blend(count: number, alpha: number, random: Random): Blend {
  const partners = random.shuffled(Array.from({ length: count }, (_, i) => i))
  return { partners, shares: partners.map(() => beta(alpha, random)) }
}

/** Blends the rows of `data`, [partners.length, ...], in place. */
export function blendRows(data: Float32Array, { partners, shares }: Blend): void {
  const before = data.slice()
  const inner = data.length / partners.length
  partners.forEach((partner, n) => {
    for (let i = 0; i < inner; i++) data[n * inner + i] = shares[n] * before[n * inner + i] + (1 - shares[n]) * before[partner * inner + i]
  })
}

/** Jöhnk 1964, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen": quick for alpha up to 1. Logarithms, since the powers of a small alpha vanish. */
function beta(alpha: number, random: Random): number {
  for (;;) {
    const x = Math.log(random.next()) / alpha
    const y = Math.log(random.next()) / alpha
    const larger = Math.max(x, y)
    const total = larger + Math.log(Math.exp(x - larger) + Math.exp(y - larger))
    if (total <= 0) return Math.exp(x - total)
  }
}
