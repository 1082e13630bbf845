import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { packageFolder } from '../../../lib/files.ts'
import { Builder } from '../../../lib/graph/builder.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { clipNorm } from '../../../lib/train/clip.ts'
import { gradients } from '../../../lib/train/gradient.ts'
import { bceWithLogits, crossEntropy, ctc, meanSquaredError, type Loss } from '../../../lib/train/loss.ts'
import { adam, adamW, rmsprop, sgd, type Optimizer } from '../../../lib/train/optimizer.ts'
import { constant, cosine, oneCycle, stepwise, warmUp, type Schedule } from '../../../lib/train/schedule.ts'
import { initialState, next, trainingStep, type StepOptions } from '../../../lib/train/step.ts'
import { openGraph, relativeDistance, runGraph, scattered, type Tensors } from '../graph/run.ts'

interface Figures {
  readonly losses: Record<string, { loss: number; gradient: number[] }>
  readonly optimizers: Record<string, number[][]>
  readonly schedules: Record<string, number[]>
}
/** What PyTorch computes: fixtures/torch-figures.py. */
const figures = JSON.parse(readFileSync(join(packageFolder(), 'test/lib/train/fixtures/torch-figures.json'), 'utf8')) as Figures

const labels = Tensor.of('int64', [4], [0, 4, 2, 1])
const positive = Tensor.float32([4, 5], scattered('float32', [4, 5], 3).toNumbers().map((v) => (v > 0 ? 1 : 0)))
const weight = [0.5, 1, 3, 0.25, 2]
/** Shares along the axis of the 5 classes; `inner` elements stand behind it. */
function softmax(shape: readonly number[], inner: number): Tensor {
  const all = scattered('float32', shape, 3).toNumbers().map(Math.exp)
  const group = (i: number) => [Math.floor(i / (5 * inner)), i % inner].join()
  return Tensor.float32(shape, all.map((v, i) => v / all.filter((_, k) => group(k) === group(i)).reduce((a, b) => a + b)))
}
const ofScattered = (shape: readonly number[]) => scattered('float32', shape)
const losses: Record<string, readonly [Loss, target: Tensor, output: Tensor]> = {
  crossEntropy: [crossEntropy, labels, ofScattered([4, 5])],
  smoothed: [crossEntropy({ labelSmoothing: 0.1 }), labels, ofScattered([4, 5])],
  weighted: [crossEntropy({ weight, labelSmoothing: 0.1 }), labels, ofScattered([4, 5])],
  ignored: [crossEntropy({ ignoreIndex: 255 }), Tensor.of('int64', [4], [0, 255, 2, 1]), ofScattered([4, 5])],
  ignoredClass: [crossEntropy({ weight, ignoreIndex: 2, labelSmoothing: 0.1 }), labels, ofScattered([4, 5])],
  weightedShares: [crossEntropy({ weight, labelSmoothing: 0.1 }), softmax([4, 5], 1), ofScattered([4, 5])],
  pixels: [crossEntropy, labels.reshape([2, 2]), ofScattered([2, 5, 2])],
  ignoredPixels: [crossEntropy({ weight, ignoreIndex: 255 }), Tensor.of('int64', [2, 1, 2], [0, 255, 2, 1]), ofScattered([2, 5, 1, 2])],
  pixelShares: [crossEntropy, softmax([2, 5, 2], 2), ofScattered([2, 5, 2])],
  posWeight: [bceWithLogits({ posWeight: weight }), Tensor.float32([4, 5], scattered('float32', [4, 5], 3).toNumbers().map((v) => 1 / (1 + Math.exp(-v)))), ofScattered([4, 5])],
  posWeightOfAll: [bceWithLogits({ posWeight: 3 }), positive, ofScattered([4, 5])],
  bceWithLogits: [bceWithLogits, positive, ofScattered([4, 5])],
  bceAtEdges: [bceWithLogits, Tensor.float32([8], [0, 1, 0.25, 0, 1, 0, 1, 1]), Tensor.float32([8], [0, 0, 0, 90, 90, -90, -90, 1e-3])],
  meanSquaredError: [meanSquaredError, scattered('float32', [4, 5], 3), ofScattered([4, 5])],
  ctc: [ctc({ blank: 4 }), Tensor.of('int64', [1, 2], [1, 1]), ofScattered([1, 4, 5])],
}

for (const [name, [loss, target, logits]] of Object.entries(losses))
  test(`${name} and its gradient equal PyTorch's`, async () => {
    const graph = new Graph()
    const builder = new Builder(graph)
    const x = graph.input('x', 'float32', logits.shape)
    const output = name === 'ctc' ? builder.transpose(x, [0, 2, 1]) : x
    const value = loss(builder, output, graph.input('target', target.dtype, target.shape))
    graph.addOutput(builder.identity(gradients(graph, value, [x]).get(x)!), 'dx')
    graph.addOutput(value, 'loss')
    const found = await runGraph(graph, { x: logits, target })
    assert.ok(Math.abs(found.loss!.toNumbers()[0]! - figures.losses[name]!.loss) < 1e-5)
    assert.ok(relativeDistance(found.dx!.toNumbers(), figures.losses[name]!.gradient) < 1e-5)
  })

/** Five steps of one parameter: mean((w·x − t)²). */
async function path(options: Omit<StepOptions, 'loss' | 'target'>, feeds: Tensors = {}): Promise<number[][]> {
  const model = new Graph('product')
  const builder = new Builder(model)
  const w = model.parameter('w', scattered('float32', [5], 1))
  model.addOutput(builder.mul(w, model.input('x', 'float32', [5])), 'y')
  const step = trainingStep(model, { ...options, loss: meanSquaredError, target: { dtype: 'float32', shape: [5] } })
  const run = await openGraph(step)
  const walked: number[][] = []
  let state: Tensors = initialState(step, model)
  for (let i = 0; i < 5; i++) {
    const results = await run({ x: scattered('float32', [5], 2), target: scattered('float32', [5], 3), ...feeds, ...state })
    state = Object.fromEntries(Object.keys(state).map((name) => [name, results[next(name)]!]))
    walked.push(state.w!.toNumbers())
  }
  return walked
}

const optimizers: Record<string, readonly [Optimizer, Partial<StepOptions>?]> = {
  sgd: [sgd({ lr: 0.1 })],
  momentum: [sgd({ lr: 0.1, momentum: 0.9, weightDecay: 0.01 })],
  nesterov: [sgd({ lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 })],
  adam: [adam({ lr: 0.1, weightDecay: 0.01 })],
  adamW: [adamW({ lr: 0.1, weightDecay: 0.1 })],
  rmsprop: [rmsprop({ lr: 0.1, weightDecay: 0.01 })],
  rmspropMomentum: [rmsprop({ lr: 0.1, momentum: 0.9 })],
  clipped: [sgd({ lr: 0.1 }), { clip: clipNorm(0.2) }],
}

for (const [name, [optimizer, options]] of Object.entries(optimizers))
  test(`five steps of ${name} go where PyTorch's go, the learning rate fixed or fed`, async () => {
    const expected = figures.optimizers[name]!.flat()
    const fixed = await path({ optimizer, ...options })
    assert.ok(relativeDistance(fixed.flat(), expected) < 1e-5, `${relativeDistance(fixed.flat(), expected)}`)
    const fed = await path({ optimizer, ...options, scheduled: true }, { lr: Tensor.scalar('float32', 0.1) })
    assert.ok(relativeDistance(fed.flat(), expected) < 1e-5)
  })

const schedules: Record<string, Schedule> = { oneCycle: oneCycle(), cosine: cosine(), stepwise: stepwise([0.5, 0.75]) }

for (const [name, schedule] of Object.entries(schedules))
  test(`${name} gives PyTorch's learning rates`, () => {
    const rates = Array.from({ length: 20 }, (_, step) => schedule(step, 20))
    assert.ok(relativeDistance(rates, figures.schedules[name]!) < 1e-6, `${rates}`)
  })

test('a warm-up rises evenly, and then another schedule goes through the steps that are left', () => {
  assert.deepEqual(Array.from({ length: 6 }, (_, step) => warmUp(4)(step, 6)), [0.25, 0.5, 0.75, 1, 1, 1])
  assert.deepEqual(figures.schedules.warmUp!.slice(0, 4), Array.from({ length: 4 }, (_, step) => warmUp(4, constant)(step, 20)))
  assert.equal(warmUp(2, cosine())(2, 6), 1)
  assert.ok(Math.abs(warmUp(2, cosine())(4, 6) - 0.5) < 1e-9)
})

test('what cannot be asked for is refused', () => {
  assert.throws(() => crossEntropy({ labelSmoothing: 1.5 }), /labelSmoothing is a number from 0 to 1, not 1.5/)
  assert.throws(() => sgd({ lr: 1, nesterov: true }), /nesterov needs a momentum/)
})
