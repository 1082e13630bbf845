import { median } from 'simple-statistics'

/**
 * How many neighbours of a series belong together, so that stretches of this length are as good as independent: for a bootstrap of its median, which
 * asks of every sample only on which side it lies. Politis and White (2004), https://doi.org/10.1081/ETC-120028836, as corrected in 2009.
 */
export function blockLength(series: readonly number[]): number {
  const { length } = series
  const correlation = correlations(series)
  if (correlation === undefined) return 1
  const negligible = 2 * Math.sqrt(Math.log10(length) / length)
  const alike = (lag: number) => Math.abs(correlation(lag)) >= negligible
  const longest = Math.min(Math.ceil(3 * Math.sqrt(length)), Math.floor(length / 3))
  let lasting = 0
  while (lasting < longest && Array.from({ length: QUIET_LAGS }, (_, i) => lasting + 1 + i).some(alike)) lasting++
  const reach = 2 * lasting
  let [spectrum, slope] = [1, 0]
  for (let lag = 1; lag < reach; lag++) {
    const weighed = 2 * Math.min(1, 2 * (1 - lag / reach)) * correlation(lag)
    spectrum += weighed
    slope += lag * weighed
  }
  if (spectrum <= 0) return 1
  return Math.max(1, Math.min(longest, Math.ceil((1.5 * (slope / spectrum) ** 2 * length) ** (1 / 3))))
}

/** So many lags in a row without correlation end it. */
const QUIET_LAGS = 5

/** Autocorrelation by lag of whether a sample lies above the median; undefined where none or all do. */
function correlations(series: readonly number[]): ((lag: number) => number) | undefined {
  const middle = median(series as number[])
  const above = series.map((value) => Math.sign(value - middle))
  const mean = above.reduce((sum, side) => sum + side, 0) / above.length
  const sides = above.map((side) => side - mean)
  const sumOfProducts = (lag: number) => sides.slice(lag).reduce((sum, side, i) => sum + side * sides[i], 0)
  const spread = sumOfProducts(0)
  return spread > 0 && series.length > QUIET_LAGS ? (lag) => sumOfProducts(lag) / spread : undefined
}
