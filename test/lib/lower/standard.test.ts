import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbol } from '../../../lib/graph/dim.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { lower } from '../../../lib/lower/index.ts'
import { build, conv2d, flatten, linear, maxPool2d, sequential } from '../../../lib/nn/index.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { crossEntropy } from '../../../lib/train/loss.ts'
import { sgd } from '../../../lib/train/optimizer.ts'
import { mixed } from '../../../lib/train/precision.ts'
import { initialState, next, repeated, stateOf, trainingStep } from '../../../lib/train/step.ts'
import { relativeDistance } from '../graph/run.ts'
import { noise } from './cpu/both.ts'

const SIZE = 8

function step(precision = mixed('float16')) {
  const model = build(sequential(conv2d(1, 4, 3), maxPool2d(3, { stride: 2, padding: 1 }), flatten(), linear(36, 3)), { x: ['N', 1, SIZE, SIZE] }, { seed: 2 }).graph
  return { model, step: trainingStep(model, { loss: crossEntropy, optimizer: sgd({ lr: 0.1 }), target: { dtype: 'int64', shape: [symbol('N')] }, precision }) }
}

const batch = { x: noise([2, 1, SIZE, SIZE], 3), target: Tensor.of('int64', [2], [0, 2]) }

for (const device of ['cuda', 'tensorrt', 'webgpu'] as const)
  test(`a dynamic loss scale is state for ${device} too: it halves where a gradient overflows, and one run of several steps carries it on`, async () => {
    const { model, step: written } = step()
    const lowered = lower(written, device, { sizes: { N: 2 }, state: stateOf(written) })
    const state: Record<string, Tensor> = { ...initialState(written, model), loss_scale: Tensor.scalar('float32', 2 ** 120) }
    const several = await Session.create(repeated(lowered.graph, 3), { device: 'cpu' })
    const three = Object.fromEntries(Object.entries(batch).map(([name, { dtype, shape, bytes }]) => [name, Tensor.raw(dtype, [3, ...shape], new Uint8Array(Buffer.concat([bytes, bytes, bytes])))]))
    const results = await several.run({ ...three, ...state })
    assert.equal(results[next('loss_scale')]!.toNumbers()[0], 2 ** 117)
    assert.equal(results[next('skipped')]!.toNumbers()[0], 3)
    assert.deepEqual(results[next('0.weight')]!.toNumbers(), state['0.weight']!.toNumbers(), 'skipped steps move nothing')
  })

test('mixed float16 gives the gradients of float32 where the processor computes it', async () => {
  const moved = async (precision: ReturnType<typeof mixed> | null) => {
    const { model, step: written } = step(precision as ReturnType<typeof mixed>)
    const state = initialState(written, model)
    const session = await Session.create(lower(written, 'webgpu', { sizes: { N: 2 }, state: stateOf(written) }).graph, { device: 'cpu' })
    const results = await session.run({ ...batch, ...state })
    return ['0.weight', '3.weight'].map((name) => results[next(name)]!.toNumbers().map((value, i) => value - state[name]!.toNumbers()[i]!))
  }
  const [half, single] = [await moved(mixed('float16', { lossScale: 256 })), await moved(null)]
  half.forEach((values, i) => assert.ok(relativeDistance(values, single[i]!) < 5e-3))
})

test('in mixed bfloat16 only what the CUDA provider has in it computes so, and the graph is valid', async () => {
  const { model, step: written } = step(mixed('bfloat16'))
  const { graph } = lower(written, 'cuda', { sizes: { N: 2 }, state: stateOf(written) })
  const narrow = (type: string) => graph.nodes(type).map(({ output, inputs }) => [output.dtype, inputs[0]!.dtype])
  assert.deepEqual(narrow('MaxPool')[0], ['float32', 'float32'])
  assert.ok(narrow('ConvTranspose').every((types) => types.every((dtype) => dtype === 'float32')))
  assert.deepEqual(narrow('Conv')[0], ['bfloat16', 'bfloat16'])
  assert.ok(Object.values(initialState(written, model)).every(({ dtype }) => dtype === 'float32'))
  // its types are checked before kernels are looked for, of which the CPU has none
  await assert.rejects(Session.create(graph, { device: 'cpu' }), /Could not find an implementation for/)
})
