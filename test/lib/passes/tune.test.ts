import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { mnist } from '../../../lib/data/index.ts'
import { build } from '../../../lib/nn/build.ts'
import { batchNorm2d, conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/layers.ts'
import { pruneChannels, tune } from '../../../lib/passes/index.ts'
import { fit } from '../../../lib/train/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'hone-tune-'))
after(() => rmSync(folder, { recursive: true }))

const network = build(sequential({
  conv1: conv2d(1, 16, 5, { padding: 2 }), norm1: batchNorm2d(16), relu1: relu(), pool1: maxPool2d(4), conv2: conv2d(16, 32, 3, { padding: 1 }), relu2: relu(), pool2: maxPool2d(2), flat: flatten(), fc: linear(288, 10),
}), { x: ['N', 1, 28, 28] }, { name: 'digits', output: 'logits', seed: 1 })

test('the best pipeline within a budget is found and explained, and a search that was broken off goes on', async () => {
  const [train, exam] = [(await mnist()).take(2000), (await mnist({ train: false })).take(300)]
  const { model } = await fit(network, train, { epochs: 2, batchSize: 50, optimizer: 'adam', seed: 1 })
  const file = join(folder, 'digits.json')
  const options = { data: exam, budget: { loss: 0.02 }, goal: 'bytes' as const, amounts: [0.25, 0.9], look: 100, seconds: 0.2, file, candidates: { 'one channel': pruneChannels({ amount: 0.95 }) } }
  const found = await tune(model, options)
  const base = found.trials.find(({ name }) => name === 'folded')!
  assert.ok(base.accuracy - found.best.accuracy <= 0.02 && found.best.bytes < 0.6 * base.bytes, inspect(found))
  assert.match(found.trials.find(({ name }) => name === 'one channel')!.verdict, /^dropped after 100 samples: it loses at least \d+\.\d points$/)
  assert.ok(found.sensitivities.some(({ change }) => change === 'int8') && found.sensitivities.some(({ change }) => change === 'half its channels'))
  assert.match(found.explanation, /^".*" is 0\.\d\d of the base's size, (for \d\.\d points of accuracy|at no loss of accuracy)\..* pipelines were tried, \d+ of them dropped after a first look\.$/)
  assert.match(found.pareto().text, /folded/)
  assert.ok(existsSync(file))

  const saved = JSON.parse(readFileSync(file, 'utf8')) as { trials: Record<string, { right: boolean[] }> }
  saved.trials['folded on 300']!.right = saved.trials['folded on 300']!.right.map(() => true)
  writeFileSync(file, JSON.stringify(saved))
  const again = await tune(model, options)
  assert.equal(again.trials.find(({ name }) => name === 'folded')!.accuracy, 1, 'what is in the file is not judged anew')
})

test('a budget that nothing meets leaves the network as it was, and says so', async () => {
  const exam = (await mnist({ train: false })).take(40)
  const found = await tune(network, { data: exam, budget: { bytes: 10 }, amounts: [], look: 20, seconds: 0.05 })
  assert.equal(found.best.name, 'folded')
  assert.match(found.explanation, /^Nothing meets the budget, so the network stays as it was, folded\./)
  assert.match(found.trials[0]!.verdict, /^has \d/)
})

test('a file of another search, and a damaged one, are told', async () => {
  const exam = (await mnist({ train: false })).take(20)
  const file = join(folder, 'other.json')
  writeFileSync(file, JSON.stringify({ format: 'hone tune', version: 1, of: 'cats', trials: {} }))
  await assert.rejects(tune(network, { data: exam, file }), /other\.json is a search for cats, not for digits on .* \(20\)\. Name another file\./)
  writeFileSync(file, '{')
  await assert.rejects(tune(network, { data: exam, file }), /other\.json is damaged: .* Remove it to begin anew\./)
  await assert.rejects(tune(network, { data: exam.take(0) }), /there are no samples to judge by/)
})
