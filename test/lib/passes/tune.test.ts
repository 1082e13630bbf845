import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { mnist } from '../../../lib/data/index.ts'
import type { Model } from '../../../lib/nn/model.ts'
import { build } from '../../../lib/nn/build.ts'
import { batchNorm2d, conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/layers.ts'
import { fuseActivation, lastTuning, pass, pruneChannels, quantize, sensitivities, tune } from '../../../lib/passes/index.ts'
import { fit } from '../../../lib/train/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-tune-'))
after(() => rmSync(folder, { recursive: true }))

const network = build(sequential({
  conv1: conv2d(1, 16, 5, { padding: 2 }), norm1: batchNorm2d(16), relu1: relu(), pool1: maxPool2d(4), conv2: conv2d(16, 32, 3, { padding: 1 }), relu2: relu(), pool2: maxPool2d(2), flat: flatten(), fc: linear(288, 10),
}), { x: ['N', 1, 28, 28] }, { name: 'digits', output: 'logits', seed: 1 })

const data = { train: (await mnist()).take(2000), exam: (await mnist({ train: false })).take(300) }
const { model: digits } = await fit(network, data.train, { epochs: 2, batchSize: 50, optimizer: 'adam', seed: 1 })
const quick = { data: data.exam, look: 100, seconds: 0.2 }

test('the best pipeline within a budget is found, drawn and explained, and a search that was broken off goes on', async () => {
  const file = join(folder, 'digits.json')
  const options = { ...quick, budget: { loss: 0.02 }, goal: 'bytes' as const, amounts: [0.25, 0.9], trials: 14, file, candidates: { 'one channel': pruneChannels({ amount: 0.95 }) } }
  const found = await tune(digits, options)
  const base = found.trials.find(({ name }) => name === 'folded')!
  assert.ok(found.met && base.accuracy - found.best.accuracy < 0.0201 && found.best.bytes < 0.6 * base.bytes, inspect(found))
  assert.match(found.trials.find(({ name }) => name === 'one channel')!.verdict, /^dropped after 100 samples: it loses at least \d+\.\d points$/)
  assert.ok(found.sensitivities.to('int8').length === 3 && found.sensitivities.to('channels').length === 2)
  assert.match(found.explanation, /^".*" is \d+\.\d\d times as fast as the base at 0\.\d\d of its size, (for \d\.\d points of accuracy|at no loss of accuracy)\..* 1\d pipelines were tried, \d+ of them on all 300 samples\.$/)
  assert.ok(found.front.includes(found.best) && found.trials.some(({ name }) => name.includes('stored in float8')))
  assert.match(found.pareto().text, /folded/)
  assert.match((await (found as unknown as Record<symbol, () => Promise<{ 'text/html': string }>>)[Symbol.for('Jupyter.display')]!())['text/html'], /<table>.*<img/s)

  const saved = JSON.parse(readFileSync(file, 'utf8')) as { looks: Record<string, { right: boolean[] }> }
  const [judged] = Object.keys(saved.looks).filter((name) => name.startsWith('folded on all 300'))
  saved.looks[judged!]!.right = saved.looks[judged!]!.right.map(() => true)
  writeFileSync(file, JSON.stringify(saved))
  const again = await tune(digits, options)
  assert.equal(again.trials.find(({ name }) => name === 'folded')!.accuracy, 1, 'what is in the file is not judged anew')
  await assert.rejects(tune(network, options), /digits\.json is a search for digits [0-9a-f]+, .* not for digits/, 'other weights are another search')
})

test('a budget that nothing meets says so, and answers with the nearest that was found', async () => {
  const found = await tune(digits, { ...quick, budget: { bytes: 10 }, amounts: [], trials: 8, seconds: 0.05 })
  assert.ok(!found.met && found.best.name !== 'folded' && found.best.bytes === Math.min(...found.trials.map(({ bytes }) => bytes)))
  assert.match(found.explanation, /^Nothing that was tried meets the budget\. The nearest is ".*" \(.*\): the file has .*, and 10 B were allowed\. /)
})

test('where a time must be reached, the most accurate network that reaches it is the best', async () => {
  const { best, trials, met } = await tune(digits, { ...quick, budget: { latency: 1, bytes: 60_000 }, amounts: [0.5], trials: 8, seconds: 0.05 })
  const fitting = trials.filter(({ bytes, final }) => final && bytes <= 60_000)
  assert.ok(met && fitting.length > 1 && best.accuracy === Math.max(...fitting.map(({ accuracy }) => accuracy)))
})

test('networks that lost channels or bits are trained before they are folded and quantized', async () => {
  const finish = async (pruned: Model, name: string) => {
    finished.push(name)
    assert.ok(pruned.graph.nodes('BatchNormalization').length > 0)
    return (await fit(pruned, data.train, { epochs: 1, batchSize: 50, optimizer: 'adam', seed: 1 })).model
  }
  const finished: string[] = []
  const found = await tune(digits, { ...quick, budget: { loss: 0.05 }, goal: 'bytes', amounts: [0.5], trials: 9, finish, seconds: 0.05 })
  assert.ok(finished.includes('ternary') && finished.some((name) => name.startsWith('50 % of channels removed')))
  assert.ok(found.trials.find(({ name }) => name === 'ternary')!.bytes < 0.6 * found.trials.find(({ name }) => name === 'folded')!.bytes, inspect(found))
})

test('an interrupt, or an error, leaves what was tried until then; a pipeline of one\'s own that fails is told', async () => {
  const spoilt = pass('spoilt', {}, () => { throw new Error('no such luck') })
  const found = await tune(digits, { ...quick, amounts: [], trials: 3, candidates: { spoilt }, seconds: 0.05 })
  assert.deepEqual(found.failures, [{ name: 'spoilt', reason: 'no such luck' }])
  assert.match(inspect(found), /"spoilt" failed: no such luck/)
  const controller = new AbortController()
  const stops = pass('stops', {}, () => controller.abort(new Error('interrupted')))
  Object.assign(globalThis, { [Symbol.for('hone.cell')]: { id: 'test', signal: controller.signal } })
  try {
    await assert.rejects(tune(digits, { ...quick, amounts: [], candidates: { fused: fuseActivation(), stops } }), /interrupted/)
  } finally {
    Reflect.deleteProperty(globalThis, Symbol.for('hone.cell'))
  }
  assert.deepEqual(lastTuning()!.trials.map(({ name }) => name), ['folded', 'fused'])
})

test('each layer alone tells how much it minds, and the most sensitive stay in float32', async () => {
  const found = await sensitivities(digits, { data: data.exam.take(60), changes: ['int8'] })
  assert.deepEqual(found.rows.map(({ layer }) => layer).toSorted(), ['conv1', 'conv2', 'fc'])
  assert.ok(found.rows.every(({ moved }) => moved > 0 && moved < 0.2))
  const [most] = found.most('int8', 1)
  const { changes } = await digits.apply(quantize({ calibrate: data.train.take(20), exclude: found.most('int8', 1) }))
  assert.ok(changes.length && !changes.some(({ node }) => node === most))
  assert.match(inspect(found), /^layer +changed alone +loses +outputs move by\n.*\n.* to int8 /)
})

test('sensitivity curves: a row a layer, what each share and each form costs, and a line for each layer', async () => {
  const exam = data.exam.take(60)
  const found = await sensitivities(digits, { data: exam, changes: ['int8', 'float8', 'ternary', 'binary', { weights: [0.1, 0.5, 0.9], channels: [0.25, 0.75] }] })
  assert.equal(found.rows.length, 3 * 4 + 3 * 3 + 2 * 2)
  const base = found.rows[0]!.accuracy + found.rows[0]!.lost
  assert.ok(base > 0.8 && found.rows.every(({ accuracy, lost }) => Math.abs(accuracy + lost - base) < 1e-9))
  for (const layer of ['conv1', 'conv2', 'fc']) {
    const moved = [0.1, 0.5, 0.9].map((amount) => found.to('weights', amount).find((row) => row.layer === layer)!.moved)
    assert.ok(moved[0]! < moved[1]! && moved[1]! < moved[2]!, `${layer}: ${moved}`)
  }
  assert.equal(new Set(found.most('weights', 3)).size, 3)
  assert.match(inspect(found), /^layer +int8 +float8 +ternary +binary +weights −10 % +weights −50 % +weights −90 % +channels −25 % +channels −75 %\n/)
  assert.match(found.curves().text, /conv1 +ternary +\d/)
  assert.match((await (found as unknown as Record<symbol, () => Promise<{ 'text/html': string }>>)[Symbol.for('Jupyter.display')]!())['text/html'], /<table>.*<img/s)
  await assert.rejects(sensitivities(digits, { data: exam, changes: ['int4' as 'int8'] }), /a change is 'int8' or .* or '\{ channels: \[0\.5\] \}' .*, not 'int4'/)
  await assert.rejects(sensitivities(digits, { data: exam, changes: [{ weights: [1] }] }), /an amount is a number above 0 to less than 1, not 1/)
  await assert.rejects(sensitivities(digits, { data: exam, changes: [{ rows: [0.5] } as object] }), /shares are taken of is 'channels' or 'weights', not 'rows'/)
})

test('a file of another search, a damaged one, and options that make no sense are told', async () => {
  const exam = data.exam.take(20)
  const file = join(folder, 'other.json')
  writeFileSync(file, JSON.stringify({ format: 'hone tune', version: 2, of: 'cats', looks: {} }))
  await assert.rejects(tune(network, { data: exam, file }), /other\.json is a search for cats, not for digits .* Name another file\./)
  writeFileSync(file, '{')
  await assert.rejects(tune(network, { data: exam, file }), /other\.json is damaged: .* Remove it to begin anew\./)
  await assert.rejects(tune(network, { data: exam.take(0) }), /there are no samples to judge by/)
  await assert.rejects(tune(network, { data: exam, amounts: [1.5] }), /amounts are shares of channels between 0 and 1, not 1\.5/)
  await assert.rejects(tune(network, { data: exam, budget: { loss: -1 } }), /budget\.loss is a share from 0 to 1/)
  await assert.rejects(tune(network, { data: exam, budget: { latency: NaN } }), /budget\.latency is a number, not NaN/)
  await assert.rejects(tune(network, { data: exam, budget: { ms: 3 } as object }), /a budget has loss, latency \(seconds\) and bytes, not "ms"/)
  await assert.rejects(tune(network, { data: exam, goal: 'speed' as 'latency' }), /goal is latency, bytes or accuracy, not speed/)
})
