export type Numbers = ArrayLike<number> | ArrayLike<bigint>

/** What many numbers have in common. */
export interface Summary {
  least: number
  greatest: number
  mean: number
  /** Of the population. */
  deviation: number
  zeros: number
  /** NaN and infinities, which count nowhere else. */
  nonFinite: number
}

export function summarize(numbers: Numbers): Summary {
  const summary: Summary = { least: Infinity, greatest: -Infinity, mean: 0, deviation: 0, zeros: 0, nonFinite: 0 }
  let count = 0
  let squares = 0
  for (let i = 0; i < numbers.length; i++) {
    const x = Number(numbers[i])
    if (!Number.isFinite(x)) {
      summary.nonFinite++
      continue
    }
    if (x === 0) summary.zeros++
    if (x < summary.least) summary.least = x
    if (x > summary.greatest) summary.greatest = x
    const step = x - summary.mean
    summary.mean += step / ++count
    squares += step * (x - summary.mean)
  }
  summary.deviation = Math.sqrt(squares / count)
  return summary
}

export function summaryText({ least, greatest, mean, deviation, zeros, nonFinite }: Summary, count: number): string {
  const parts = nonFinite < count ? [`min ${short(least)}`, `max ${short(greatest)}`, `mean ${short(mean)}`, `std ${short(deviation)}`] : []
  if (zeros > 0) parts.push(`zeros ${((100 * zeros) / count).toFixed(1)} %`)
  if (nonFinite > 0) parts.push(`NaN or infinite ${nonFinite.toLocaleString('en')}`)
  return parts.join(', ')
}

/** Five significant digits. */
export function short(x: number | bigint): string {
  return typeof x === 'bigint' ? String(x) : String(Number(x.toPrecision(5)))
}

const BINS = 32
const BAR = { width: 6, height: 40 }

/** How the numbers are distributed between least and greatest, drawn as SVG. */
export function histogram(numbers: Numbers, { least, greatest }: Summary): string {
  const counts = Array.from({ length: BINS }, () => 0)
  const scale = BINS / (greatest - least)
  for (let i = 0; i < numbers.length; i++) {
    const x = Number(numbers[i])
    if (Number.isFinite(x)) counts[Math.min(BINS - 1, Math.floor((x - least) * scale))]++
  }
  const most = Math.max(...counts)
  const bars = counts.map((count, i) => {
    const height = Math.ceil((BAR.height * count) / most)
    return `<rect x="${i * BAR.width}" y="${BAR.height - height}" width="${BAR.width - 1}" height="${height}"/>`
  })
  const size = `width="${BINS * BAR.width}" height="${BAR.height}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} fill="#4c78a8" role="img" aria-label="histogram">${bars.join('')}</svg>`
}
