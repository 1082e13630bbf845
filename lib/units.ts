const TIMES = [[1, 's'], [1e-3, 'ms'], [1e-6, 'µs'], [1e-9, 'ns']] as const
const SIZES = [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']] as const
const COUNTS = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']] as const

/** Three significant digits with the fitting unit: 1.23 ms. */
export const timeText = (seconds: number): string => scaled(seconds, TIMES)

/** Decimal units, as disks and documents count: 1.89 MB. */
export const sizeText = (bytes: number): string => scaled(bytes, SIZES)

/** A large number with the fitting prefix: 1.18 G; small whole ones as they are. */
export const countText = (count: number): string => (Math.abs(count) < 1000 ? (Number.isInteger(count) ? String(count) : digits(count)) : scaled(count, COUNTS))

/** Two numbers in the unit that fits the larger: 1.20 - 1.31 ms. */
export function timeRange(low: number, high: number): string {
  const [scale, unit] = fitting(high, TIMES)
  return `${digits(low / scale)} - ${digits(high / scale)} ${unit}`
}

/** Two counts with the prefix that fits the larger: 1.20 - 1.31 k. */
export function countRange(low: number, high: number): string {
  if (high < 1000) return `${digits(low)} - ${digits(high)}`
  const [scale, prefix] = fitting(high, COUNTS)
  return `${digits(low / scale)} - ${digits(high / scale)} ${prefix}`
}

/** Seconds in the unit that fits `seconds`, and the unit's name. */
export const timeUnit = (seconds: number): readonly [number, string] => fitting(seconds, TIMES)

export const percentText = (share: number): string => `${(100 * share).toFixed(1)} %`

/** Three significant digits, without an exponent. */
export function digits(x: number): string {
  if (x === 0 || !Number.isFinite(x)) return String(x)
  return x.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x)))))
}

type Scale = readonly [number, string]

function fitting(x: number, scales: readonly Scale[]): Scale {
  return scales.find(([scale]) => Math.abs(x) >= scale) ?? scales[scales.length - 1]
}

function scaled(x: number, scales: readonly Scale[]): string {
  const [scale, unit] = fitting(x, scales)
  return `${unit === 'B' ? x : digits(x / scale)} ${unit}`
}
