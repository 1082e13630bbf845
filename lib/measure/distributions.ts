import { errorFunction, gammaln } from 'simple-statistics'

/** Share of a standard normal distribution below a value. */
export function normalShare(value: number): number {
  return Math.max(0, (1 + errorFunction(value / Math.SQRT2)) / 2)
}

/** The value below which the share `p` of Student's t distribution lies. */
export function studentQuantile(p: number, degrees: number): number {
  if (p < 0.5) return -studentQuantile(1 - p, degrees)
  const x = inverse((share) => incompleteBeta(share, degrees / 2, 0.5), 2 * (1 - p))
  return Math.sqrt((degrees * (1 - x)) / x)
}

/** The value below which the share `p` of Snedecor's F distribution lies. */
export function fQuantile(p: number, numerator: number, denominator: number): number {
  const x = inverse((share) => incompleteBeta(share, numerator / 2, denominator / 2), p)
  return (denominator * x) / (numerator * (1 - x))
}

/** Where a rising function on [0, 1] takes a value. */
function inverse(rising: (x: number) => number, value: number): number {
  let [low, high] = [0, 1]
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2
    if (rising(middle) < value) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** The regularized incomplete beta function, by its continued fraction. https://dlmf.nist.gov/8.17#v */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front = Math.exp(gammaln(a + b) - gammaln(a) - gammaln(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  let fraction = 0
  for (let m = TERMS; m > 0; m--) {
    const half = m / 2
    const coefficient = m % 2 === 0 ? (half * (b - half) * x) / ((a + m - 1) * (a + m)) : (-(a + half - 0.5) * (a + b + half - 0.5) * x) / ((a + m - 1) * (a + m))
    fraction = coefficient / (1 + fraction)
  }
  return front / (1 + fraction)
}

const TERMS = 200
