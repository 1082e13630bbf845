import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { study } from '../../../lib/report/study.ts'

/** STUDIES.md, section 1. */
const IDS = [
  'vgg.workers.gpu', 'vgg.workers.cpu', 'vgg.workers.best', 'vgg.workers.loading', 'vgg.int8.size', 'vgg.int8.accuracy', 'vgg.script.cpu', 'vgg.script.gpu', 'vgg.script.portable',
  'lstm.bottleneck', 'lstm.workers', 'lstm.workers.best', 'lstm.batch', 'lstm.prune.params', 'lstm.prune.accuracy', 'lstm.prune.time', 'lstm.prune.memory',
]
/** Claims that say nothing of data. */
const DATA_FREE = ['vgg.int8.size', 'vgg.script.cpu', 'vgg.script.portable', 'lstm.bottleneck', 'lstm.prune.params', 'lstm.prune.memory']

const complete = { 'CIFAR-10': { name: 'CIFAR-10', complete: true }, IMDB: { name: 'IMDB', complete: true } }
const begin = (more: object = {}) => study('vgg-lstm', { profile: 'quick', device: 'cpu', data: complete, seed: 1, threads: 2, ...more })
const untested = (more: object) => new Set(begin(more).report().claims.filter(({ verdict }) => verdict === 'not tested here').map(({ id }) => id))

test('every claim of the document is there', () => {
  assert.deepEqual([...new Set(begin().report().claims.map(({ id }) => id))], IDS)
})

test('on a CPU with complete data only what needs a GPU, four cores or more training is not tested', () => {
  assert.deepEqual([...untested({})], ['vgg.workers.gpu', ...(availableParallelism() < 4 ? ['vgg.workers.best'] : []), 'vgg.script.gpu', 'lstm.prune.accuracy'])
  assert.ok(!untested({ profile: 'standard' }).has('lstm.prune.accuracy'))
  const { claims } = begin({ device: 'cuda' }).report()
  assert.deepEqual(claims.filter(({ reason }) => /GPU|device/.test(reason)).map(({ id, reason }) => `${id}: ${reason}`), ['vgg.script.gpu: it needs the device webgpu, this ran on cuda'])
})

test('without the data sets their claims are not tested, and those that need none keep their verdicts', () => {
  const standIn = { name: 'MNIST (first 10,000)', complete: false }
  const without = untested({ data: { 'CIFAR-10': standIn, IMDB: standIn } })
  assert.deepEqual(IDS.filter((id) => !without.has(id)), DATA_FREE)
  const onlyReviews = untested({ data: { ...complete, 'CIFAR-10': standIn } })
  assert.ok(onlyReviews.has('vgg.int8.accuracy') && !onlyReviews.has('lstm.batch'))
})

test("the document's figures and rules", () => {
  const claims = begin()
  const told = (id: string, metrics: Parameters<typeof claims.record>[1]) => claims.record(id, metrics).records.map(({ metric, verdict }) => `${metric} ${verdict}`)
  assert.deepEqual(told('vgg.int8.size', { size: [36_910_000, 9_260_000] }), ['size reproduced'])
  assert.deepEqual(told('vgg.script.portable', { differences: 0 }), ['differences reproduced'])
  assert.deepEqual(told('lstm.bottleneck', { parameters: 31_053_056 / 34_731_777, step: [0.2, 0.3, 0.25] }), ['parameters reproduced', 'step contradicted'])
  assert.deepEqual(told('lstm.prune.params', { masked: 3_528_662, removed: 3_191_211 }), ['masked reproduced', 'removed contradicted'])
  assert.deepEqual(told('lstm.prune.memory', { memory: [800, 300] }), ['memory reproduced'])
  assert.deepEqual(told('vgg.workers.loading', { waiting: [[2, 2.1, 2.2], [0.5, 0.6, 0.4]] }), ['waiting reproduced'])
  const { document } = claims.report().claims.find(({ id }) => id === 'vgg.workers.cpu')!
  assert.equal(document.toFixed(2), '1.04')
})

test('a sweep shows every setting that was measured', () => {
  const table = begin().record('lstm.batch', { size: [[], [3, 3.1], [2, 2.1], [1, 1.1], [1.2, 1.3], []], time: [[2, 2.1], [1, 1.1]], beyond: [[2, 2.1], [1, 1.1], [1.2, 1.3]] })
  assert.match(table.html(), />32: 3\.05 s<.*>64: 2\.05 s<.*>128: 1\.05 s<.*>256: 1\.25 s</)
  assert.match(table.text(), /128 \(32: 3\.05 s, 64: 2\.05 s, 128: 1\.05 s, 256: 1\.25 s\)/)
  assert.deepEqual(table.records.map(({ metric, verdict }) => `${metric} ${verdict}`), ['size reproduced', 'time same direction', 'beyond reproduced'])
})
