import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { print } from '../../../lib/index.ts'
import { build, conv2d, flatten, linear, maxPool2d, relu, sequential } from '../../../lib/nn/index.ts'
import { oneStep } from '../../../lib/train/one-step.ts'
import { crossEntropy } from '../../../lib/train/loss.ts'
import { sgd } from '../../../lib/train/optimizer.ts'
import { mixed } from '../../../lib/train/precision.ts'
import { trainingStep } from '../../../lib/train/step.ts'
import { blobs, network, options } from './blobs.ts'

const model = build(sequential({ stem: conv2d(3, 16, 3, { padding: 1 }), relu: relu(), pool: maxPool2d(2), body: conv2d(16, 16, 3, { padding: 1 }), flatten: flatten(), head: linear(16 * 64, 10) }), { x: ['N', 3, 16, 16] })
const stepIn = (precision: ReturnType<typeof mixed> | null) => trainingStep(model.graph, { loss: crossEntropy, optimizer: sgd({ lr: 0.1 }), target: { dtype: 'int64', shape: ['N'] }, precision })

test('a step is shown as it was written, beside what the device runs', () => {
  const shown = print(stepIn(null), { sizes: { N: 4 } })
  const text = inspect(shown)
  assert.match(text, /^As written: \d+ operators\n/)
  assert.match(text, /d_\S+: float32\[16, 16, 3, 3\] = hone\.ConvGradWeight\(/)
  assert.match(text, /\non cpu, N = 4: \d+ operators\n/)
  assert.match(text, /operator\s+as written\s+on cpu, N = 4\n/)
  assert.ok(!shown.lowered.allNodes().some(({ type }) => type === 'ConvGradWeight'), 'on the CPU it is a matrix product')
  const html = (shown as unknown as { [key: symbol]: () => Record<string, string> })[Symbol.for('Jupyter.display')]!()['text/html']!
  assert.match(html, /<details><summary>as written: \d+ operators<\/summary><pre>/)
})

test('the step that a training takes is shown in both forms', async () => {
  const step = await oneStep(network(), blobs(8), options)
  const shown = print(step)
  assert.equal(shown.graph.nodes('ConvGradWeight').length, 1)
  assert.equal(shown.lowered, step.graph)
  assert.match(String(shown), /\non cpu: \d+ operators\n/)
})

test('it shows which operators compute in 16 bits, and those that a list keeps out of them', () => {
  const types = (precision: ReturnType<typeof mixed>, type: string) => print(stepIn(precision), { device: 'cuda' }).graph.nodes(type).map(({ output }) => output.dtype)
  assert.deepEqual(types(mixed('float16'), 'Conv'), ['float16', 'float16'])
  assert.deepEqual(types(mixed('float16', { keep: /^stem/ }), 'Conv'), ['float32', 'float16'])
  assert.deepEqual(types(mixed('bfloat16', { deny: ['Conv', 'LogSoftmax'] }), 'Conv'), ['float32', 'float32'])
  assert.deepEqual(types(mixed('float16'), 'LogSoftmax'), ['float32'])
})

test("a network that is not trained is shown too, as another device's provider has it", () => {
  const text = String(print(model, { device: 'webgpu', sizes: { N: 2 } }))
  assert.match(text, /on webgpu, N = 2: 6 operators\n {2}stem_out: float32\[2, 16, 16, 16\] = Conv\(x, stem\.weight, stem\.bias\)\n/)
})
