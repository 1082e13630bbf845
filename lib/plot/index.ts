export { accuracyOverAmount, type AmountOptions, type AmountRow } from './accuracy-over-amount.ts'
export { Chart } from './chart.ts'
export { latency, type LatencyOptions, type LatencyRow } from './latency.ts'
export { isDominated, pareto, type ParetoRow } from './pareto.ts'
