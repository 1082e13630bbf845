import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { recompute, study, type ClaimsReport } from '../../../lib/report/study.ts'
import { CLAIMS_MIME } from '../../../lib/report/table.ts'

const options = { profile: 'quick', device: 'cpu', data: { 'LPRNet plates': { name: 'planted plates', complete: true } }, seed: 1, threads: 1 } as const
const begin = (more: object = {}) => study('lprnet', { ...options, ...more })

/** A test set of 1,000 items of which the first `right` are right. */
const plates = (right: number) => Array.from({ length: 1000 }, (_, item) => item < right)
/** 50 timings that scatter by 4 % round `seconds`. */
const timings = (seconds: number) => Array.from({ length: 50 }, (_, run) => seconds * (0.98 + 0.04 * ((run * 7) % 50) / 50))

function recorded(id: string, metrics: Parameters<ReturnType<typeof begin>['record']>[1]) {
  const { records } = begin().record(id, metrics)
  return Object.fromEntries(records.map((record) => [record.metric, record]))
}

test('samples go in, and figures, intervals and verdicts come out', () => {
  const { accuracy, speed, size } = recorded('lpr.quant', {
    accuracy: [plates(900), plates(897)],
    speed: [{ samples: timings(1e-3) }, { samples: timings(0.6e-3) }],
    size: [1_800_000, 470_000],
  })
  assert.equal(accuracy.verdict, 'reproduced')
  assert.equal(accuracy.measured?.toFixed(1), '-0.3')
  assert.deepEqual([accuracy.unit, accuracy.repeats, accuracy.document], ['points', 1000, 0.1])

  assert.equal(speed.verdict, 'reproduced')
  assert.equal(speed.measured?.toFixed(2), '1.67')
  assert.equal(speed.document.toFixed(3), '1.695')
  assert.ok(speed.interval![0] < 1.67 && speed.interval![0] > 1.6 && speed.interval![1] > 1.66)

  assert.equal(size.verdict, 'same direction', 'int8 shrinks by far more than the document says')
  assert.deepEqual(size.interval, [size.measured, size.measured])
})

test('the base is judged by its own accuracy and size; its seconds are only shown', () => {
  const { accuracy, speed, size } = recorded('lpr.base', { accuracy: plates(900), speed: timings(0.004), size: 1_810_000 })
  assert.deepEqual([accuracy.verdict, speed.verdict, size.verdict], ['reproduced', 'not judged', 'reproduced'])
  assert.ok(accuracy.interval![0] < 89 && accuracy.interval![1] > 91)
})

test('an accuracy lost beyond the margin contradicts; unpaired noise of one point does not decide', () => {
  assert.equal(recorded('lpr.parvec', { accuracy: [plates(900), plates(850)] }).accuracy.verdict, 'contradicted')
  assert.equal(recorded('lpr.parvec', { accuracy: [plates(900), plates(895)] }).accuracy.verdict, 'reproduced')
  const other = plates(900).map((_, item, all) => (item % 40 === 0 ? !all[item] : all[item]))
  assert.equal(recorded('lpr.parvec', { accuracy: [plates(900), other] }).accuracy.verdict, 'contradicted')
})

test('the peak and the decline of pruning are directions', () => {
  assert.equal(recorded('lpr.prune.peak', { accuracy: [plates(890), plates(905)] }).accuracy.verdict, 'reproduced')
  assert.equal(recorded('lpr.prune.peak', { accuracy: [plates(900), plates(900)] }).accuracy.verdict, 'undecided')
  assert.equal(recorded('lpr.prune.decline', { accuracy: [plates(900), plates(700)] }).accuracy.verdict, 'reproduced')
  assert.equal(recorded('lpr.prune.decline', { accuracy: [plates(700), plates(900)] }).accuracy.verdict, 'contradicted')
})

test('every claim of the study stands in the report, measured or not', () => {
  const { environment, claims } = begin().report()
  assert.equal(claims.length, 23)
  assert.ok(claims.every(({ verdict, measured }) => measured === null && (verdict === 'undecided')))
  assert.equal(environment.study, 'lprnet')
  assert.ok(environment.cores > 0 && environment.memory > 0 && environment.processor && environment.versions.onnxruntime)
})

test('incomplete data leave the claims untested, with the reason', () => {
  const claims = begin({ data: { 'LPRNet plates': { name: '12 drawn plates', complete: false } } })
  const [record] = claims.record('lpr.prune', { size: [10, 9] }).records.filter(({ metric }) => metric === 'size')
  assert.equal(record.verdict, 'not tested here')
  assert.match(record.reason, /12 drawn plates/)
})

test('a saved report gives the same verdicts again from its samples, and shows a forged one', () => {
  const claims = begin()
  claims.record('lpr.prune', { accuracy: [plates(900), plates(880)], speed: [timings(1e-3), timings(0.9e-3)], size: [100, 100] })
  claims.record('lpr.base', { accuracy: plates(900) })
  const saved: ClaimsReport = JSON.parse(JSON.stringify(claims.report()))
  assert.deepEqual(recompute(saved), saved.claims)
  const forged = { ...saved, claims: saved.claims.map((record) => ({ ...record, verdict: 'reproduced' as const })) }
  assert.notDeepEqual(recompute(forged), forged.claims)
})

test('measuring again replaces, and leaves the other metrics', () => {
  const claims = begin()
  claims.record('lpr.prune', { size: [100, 100], accuracy: [plates(900), plates(900)] })
  const { records } = claims.record('lpr.prune', { size: [189, 158.71] })
  assert.deepEqual(records.map(({ metric, verdict }) => `${metric} ${verdict}`), ['accuracy reproduced', 'speed undecided', 'size reproduced'])
})

test('claims are found by how their ids begin', () => {
  const claims = begin()
  assert.deepEqual([...new Set(claims.of('lpr.prune').records.map(({ id }) => id))], ['lpr.prune', 'lpr.prune.peak', 'lpr.prune.decline'])
  assert.throws(() => claims.of('vgg'), /no claim begins with vgg; there is lpr\.base, /)
})

test('samples that cannot be are refused with the claim and the metric', () => {
  const claims = begin()
  assert.throws(() => claims.record('lpr.prun', {}), /no claim named lpr\.prun; there is lpr\.base, lpr\.prune/)
  assert.throws(() => claims.record('lpr.prune', { latency: [1, 2] }), /no metric of lpr\.prune named latency; there is accuracy, speed, size/)
  assert.throws(() => claims.record('lpr.prune', { speed: [[1, 2], [1, Number.NaN]] }), /lpr\.prune, speed: NaN is not a measurement/)
  assert.throws(() => claims.record('lpr.prune', { speed: [[1, 2], [0, 1]] }), /lpr\.prune, speed: .*above 0/)
  assert.throws(() => claims.record('lpr.prune', { size: [0, 1] }), /lpr\.prune, size: .*above 0/)
  assert.throws(() => claims.record('lpr.prune', { accuracy: [[], []] }), /lpr\.prune, accuracy: there are no samples/)
  assert.throws(() => claims.record('lpr.prune', { accuracy: [plates(5), [true]] }), /lpr\.prune, accuracy: pairs need equally many/)
  assert.throws(() => study('lenet' as 'lprnet', options), /no study named lenet; there is lprnet/)
})

test('claims show themselves in a notebook and in a terminal', () => {
  const claims = begin()
  const rows = claims.record('lpr.prune', { size: [1_890_000, 1_587_100] })
  const bundle = (rows as unknown as Record<symbol, () => Record<string, string>>)[Symbol.for('Jupyter.display')]()
  assert.match(bundle['text/html'], /lpr\.prune.*0\.84×.*1\.89 MB.* → .*1\.59 MB.*reproduced.*within 5 %/)
  assert.match(bundle['text/plain'], /lpr\.prune {2}size .*0\.84×.*exact +reproduced/)
  assert.deepEqual((bundle[CLAIMS_MIME] as unknown as ClaimsReport).claims.length, 23)
  assert.match(inspect(claims), /1 reproduced, 22 undecided/)
})
