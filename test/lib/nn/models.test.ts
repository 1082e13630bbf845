import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageFolder } from '../../../lib/files.ts'
import { symbol } from '../../../lib/graph/dim.ts'
import { sizeOf, Tensor } from '../../../lib/graph/tensor.ts'
import { models, type Model } from '../../../lib/nn/index.ts'
import { random } from '../../../lib/random.ts'
import { crossEntropy, type Loss } from '../../../lib/train/loss.ts'
import { sgd } from '../../../lib/train/optimizer.ts'
import { initialState, next, trainingStep } from '../../../lib/train/step.ts'
import { relativeDistance, runGraph } from '../graph/run.ts'

test('every network has exactly the parameters of its paper', () => {
  const counts: readonly (readonly [Model, number])[] = [
    [models.dense(), 387],
    [models.mnistCnn(), 1_199_882],
    [models.vgg11(), 9_225_610],
    [models.vgg16(), 14_719_818],
    [models.resnet18(), 11_173_962],
    [models.resnet18({ imageSize: 224 }), 11_689_512],
    [models.resnet50(), 25_557_032],
    [models.mobilenetV2(), 3_504_872],
    [models.efficientnetB0(), 5_288_548],
    [models.lstmSentiment(), 34_731_777],
    [models.lprnet(), 446_976],
  ]
  for (const [model, count] of counts) assert.equal(model.parameters, count, model.name)
})

test('VGG-16 for ImageNet has 138,357,544 parameters, and 15.5 billion multiply-adds', () => {
  const model = models.vgg16({ imageSize: 224 })
  assert.equal(model.parameters, 138_357_544)
  assert.equal(model.summary({ N: 1 }).macs, 15_470_264_320)
})

test("the lecture's dense model freezes two of its layers", () => {
  const model = models.dense()
  assert.equal(model.trainable, 249)
  assert.match(model.summary().totals, /^387 parameters \(249 trainable\)/)
  const dense2 = model.summary().layers.find(({ node }) => node.name === 'dense2')!
  assert.deepEqual([dense2.trainable, dense2.frozen], [0, 48])
})

/** As torch-models.py fills the same parameter. */
function filled(name: string, shape: readonly number[]): Tensor {
  const source = random([...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5))
  const bound = Math.sqrt(6 / sizeOf(shape.slice(1)))
  const value = (u: number) => {
    if (name.endsWith('running_var')) return 0.5 + u
    return shape.length > 1 ? (2 * u - 1) * bound : (name.endsWith('weight') ? 1 : 0) + 0.1 * (2 * u - 1)
  }
  return Tensor.float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => value(source.next())))
}

interface Figures {
  readonly parameters: number
  readonly logits: number[]
  readonly loss: number
  /** Norm of each parameter's gradient, and its product with the parameter. */
  readonly gradients: Record<string, [norm: number, product: number]>
}
const figures = JSON.parse(readFileSync(join(packageFolder(), 'test/lib/nn/fixtures/torch-models.json'), 'utf8')) as Record<string, Figures>

function images(count: number, size: number, seed: number): Tensor {
  const source = random(seed)
  return Tensor.float32([count, 3, size, size], Float32Array.from({ length: 3 * count * size * size }, () => source.next() * 2 - 1))
}

/** The logits are divided by 16, so that the softmax does not saturate. */
const cooled: Loss = (graph, logits, labels) => crossEntropy(graph, graph.div(logits, 16), labels)

for (const [name, make, size] of [['resnet18', models.resnet18, 96], ['mobilenetV2', models.mobilenetV2, 64], ['efficientnetB0', models.efficientnetB0, 64]] as const)
  test(`${name} answers as torchvision's does, and every gradient of a training step is PyTorch's`, async () => {
    const expected = figures[name]!
    const options = { imageSize: size, classes: 10, dropout: 0 }
    const weights = new Map(make(options).graph.initializers.map(({ name, initializer }) => [name, filled(name, initializer!.shape)]))
    const model = make({ ...options, weights })
    assert.equal(model.parameters, expected.parameters)
    const { logits } = await runGraph(model.graph, { x: images(2, size, 1) })
    assert.ok(relativeDistance(logits!.toNumbers(), expected.logits) < 1e-5, `${relativeDistance(logits!.toNumbers(), expected.logits)}`)

    const step = trainingStep(model.graph, { loss: cooled, optimizer: sgd({ lr: 1 }), target: { dtype: 'int64', shape: [symbol('N')] } })
    const state = initialState(step, model.graph)
    const moved = await runGraph(step, { x: images(4, size, 2), target: Tensor.of('int64', [4], [3, 7, 0, 9]), ...state })
    assert.ok(Math.abs(moved.loss!.toNumbers()[0]! / expected.loss - 1) < 1e-4, `${moved.loss!.toNumbers()[0]}`)
    for (const [parameter, [norm, product]] of Object.entries(expected.gradients)) {
      const before = weights.get(parameter)!.toNumbers()
      const gradient = moved[next(parameter)]!.toNumbers().map((v, i) => before[i]! - v)
      const found = Math.sqrt(gradient.reduce((sum, v) => sum + v * v, 0))
      const along = gradient.reduce((sum, v, i) => sum + v * before[i]!, 0)
      // a bias before a batch normalization has no gradient but what rounding leaves
      const close = (a: number, b: number, scale: number) => Math.abs(a - b) < 5e-3 * scale + 1e-5
      assert.ok(close(found, norm, norm) && close(along, product, norm * Math.sqrt(before.reduce((sum, v) => sum + v * v, 0))), `${parameter}: norm ${found}, not ${norm}; product ${along}, not ${product}`)
    }
  })

test('images that a model cannot take are refused, with the smallest that it does', () => {
  for (const [name, make] of Object.entries({ vgg11: models.vgg11, vgg16: models.vgg16 })) assert.throws(() => make({ imageSize: 16 }), new RegExp(`^RangeError: ${name}: imageSize is a whole number from 32 on, not 16`))
  assert.throws(() => models.resnet18({ imageSize: 7.5 }), /input "x": a dimension is a whole number from 1 on, not 7\.5/)
  assert.throws(() => models.lstmSentiment({ length: 0 }), /input "tokens": a dimension is a whole number from 1 on, not 0/)
})

for (const [make, shape] of [[models.mnistCnn, [2, 1, 28, 28]], [models.vgg11, [2, 3, 32, 32]], [models.vgg16, [2, 3, 32, 32]], [models.resnet18, [2, 3, 32, 32]], [models.resnet50, [1, 3, 224, 224]]] as const)
  test(`${make.name} answers with finite logits`, async () => {
    const session = await make().session({ device: 'cpu', threads: 1 })
    const { logits } = await session.run({ x: Tensor.zeros('float32', shape) })
    await session.release()
    assert.deepEqual(logits!.shape, [shape[0], shape[1] === 3 && shape[2] === 224 ? 1000 : 10])
    assert.ok(logits!.toNumbers().every(Number.isFinite))
  })

test('a review of any tokens has one logit', async () => {
  const session = await models.lstmSentiment({ vocabulary: 50, length: 7, embeddingSize: 6, hiddenSize: 5 }).session({ device: 'cpu', threads: 1 })
  const { logits } = await session.run({ tokens: Tensor.of('int64', [3, 7], Array.from({ length: 21 }, (_, i) => i)) })
  await session.release()
  assert.deepEqual(logits!.shape, [3])
})

test('the same seed draws the same parameters, another seed others', () => {
  const first = (seed: number) => models.mnistCnn({ seed }).graph.parameters[0]!.initializer!.toNumbers()
  assert.deepEqual(first(3), first(3))
  assert.notDeepEqual(first(3), first(4))
})
