import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { sampleFeeds } from '../../../lib/measure/sample-feeds.ts'
import { models } from '../../../lib/nn/index.ts'
import type { Model } from '../../../lib/nn/model.ts'
import {
  binarize, blockLayers, commonSubexpressions, correctBias, equalize, float8, flushDenormals, foldAffine, foldBatchNorm, foldConstants, fuseActivation, fuseGelu, fuseLayerNorm, fuseMatMulAdd, fuseResidual, halfPrecision, mergeLayouts, mergeLinear,
  packWeights, pipeline, pruneBlocks, pruneChannels, pruneColumns, pruneL1, pruneNofM, pruneRandom, quantize, quantizeAware, quantizeDynamic, removeIdentities, ternarize, toIntegers, type Pass,
} from '../../../lib/passes/index.ts'
import type { Tensors } from '../../../lib/runtime/boundary.ts'
import { Session } from '../../../lib/runtime/session.ts'

const NETWORKS: Readonly<Record<string, () => Model>> = {
  'the dense model': () => models.dense(),
  'the MNIST CNN': () => models.mnistCnn(),
  'VGG-11': () => models.vgg11(),
  'VGG-16': () => models.vgg16({ batchNorm: true }),
  'ResNet-18': () => models.resnet18({ imageSize: 32 }),
  'ResNet-50': () => models.resnet50({ imageSize: 32 }),
  MobileNetV2: () => models.mobilenetV2({ imageSize: 32 }),
  'EfficientNet-B0': () => models.efficientnetB0({ imageSize: 32 }),
  LPRNet: () => models.lprnet(),
  'the sentiment LSTM': () => models.lstmSentiment({ vocabulary: 50, length: 6, embeddingSize: 8, hiddenSize: 16 }),
}

/** Networks of more parameters lose three quarters of their channels before passes that are not exact: as deep, and a tenth of the time. */
const LARGE = 3e6

const EXACT = [
  flushDenormals(), removeIdentities(), foldConstants(), foldBatchNorm(), foldAffine(), mergeLayouts(), mergeLinear(), commonSubexpressions(), fuseMatMulAdd(), fuseGelu(), fuseLayerNorm(), fuseResidual(), fuseActivation(),
]
/** Exact in real numbers: they only add in another order, or divide and multiply by the same. */
const REORDERED = [equalize(), blockLayers({ over: 'channels', tile: 24 }), blockLayers({ over: 'rows', tile: 3 })]

/** What changes the outputs, and by which share of their norm at most; where weights are pruned, or left few bits untrained, only that the network runs. */
function lossy(graph: Graph, calibrate: readonly Tensors[]): readonly (readonly [pass: Pass, within: number])[] {
  const aware = pipeline([foldBatchNorm(), quantizeAware({ calibrate })])
  return [
    [halfPrecision(), 0.01], [halfPrecision({ device: 'cuda' }), 0.01], [halfPrecision({ dtype: 'bfloat16' }), 0.06], [float8(), 0.2],
    [pipeline([foldBatchNorm(), quantize({ calibrate }), fuseActivation()]), 0.06], [pipeline([foldBatchNorm(), quantize({ calibrate, format: 'operator', perChannel: false })]), 0.06],
    [pipeline([foldBatchNorm(), quantize({ calibrate, format: 'operator', activationSymmetric: true, weightType: 'uint8' })]), 0.06],
    [quantizeDynamic({ force: true }), 0.06], [aware, 0.06], [pipeline([aware, toIntegers()]), 0.06],
    ...[ternarize(), binarize(), pipeline([ternarize(), correctBias({ reference: graph, calibrate })])].map((pass) => [pass, Infinity] as const),
    ...[pruneChannels({ amount: 0.5 }), pruneL1({ amount: 0.5 }), pruneL1({ amount: 0.5, scope: 'global' }), pruneRandom({ amount: 0.5 }), pruneNofM(), pruneBlocks({ amount: 0.5 }), pruneColumns({ amount: 0.3 })]
      .map((pass) => [pass, Infinity] as const),
  ]
}

/**
 * New networks have running statistics of 0 and 1, which many a wrong formula would survive, and weights so small that behind many layers nothing but biases is left.
 */
function seasoned(graph: Graph): void {
  for (const norm of graph.nodes('BatchNormalization'))
    for (const [i, from] of [[1, 0.9], [2, -0.1], [3, -0.1], [4, 0.9]] as const) {
      const value = norm.input(i)
      value.initializer = Tensor.float32(value.initializer!.shape, Float32Array.from({ length: value.initializer!.size }, (_, c) => from + ((c * 37) % 20) / 100))
    }
  for (const layer of [...graph.nodes('Conv'), ...graph.nodes('Gemm')]) {
    const weight = layer.input(1)
    if (weight.initializer) weight.initializer = Tensor.float32(weight.initializer.shape, weight.initializer.toFloat32().map((w) => w * Math.sqrt(6)))
  }
}

async function feedsOf(graph: Graph): Promise<Tensors> {
  const session = await Session.create(graph, { spinning: false, graphOptimization: 'disabled' })
  const symbol = session.inputs[0]!.shape[0]
  await session.release()
  return sampleFeeds(session.inputs, typeof symbol === 'string' ? { [symbol]: 1 } : {})
}

async function outputs(graph: Graph, feeds: Tensors): Promise<Float32Array> {
  const session = await Session.create(graph, { spinning: false, graphOptimization: 'disabled' })
  try {
    return (await session.run(feeds))[session.outputs[0]!.name]!.toFloat32()
  } finally {
    await session.release()
  }
}

/** The largest difference, as a share of the largest output. */
const farthest = (found: Float32Array, expected: Float32Array): number =>
  found.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0) / expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0)

for (const [name, build] of Object.entries(NETWORKS)) {
  test(`every exact pass leaves the outputs of ${name} as they were`, async () => {
    const { graph } = build()
    seasoned(graph)
    const feeds = await feedsOf(graph)
    const expected = await outputs(graph, feeds)
    for (const pass of [...EXACT, pipeline(EXACT), ...REORDERED]) {
      const result = await pass.apply(graph)
      if (!result.changes.length) continue
      const distance = farthest(await outputs(result.graph, feeds), expected)
      assert.ok(distance < 1e-5, `${pass.name} moved them by ${distance} of the largest`)
    }
  })

  test(`every other pass leaves a graph of ${name} that runs, as near to it as its numbers allow`, async () => {
    const model = build()
    seasoned(model.graph)
    const { graph } = model.parameters > LARGE ? await pruneChannels({ amount: 0.75 }).apply(model.graph) : model
    const feeds = await feedsOf(graph)
    const expected = await outputs(graph, feeds)
    for (const [pass, within] of lossy(graph, [feeds])) {
      const found = await outputs((await pass.apply(graph)).graph, feeds)
      assert.equal(found.length, expected.length, pass.name)
      const moved = Math.hypot(...found.map((x, i) => x - expected[i]!)) / Math.hypot(...expected)
      assert.ok(Number.isFinite(moved) && moved < within, `${pass.name} moved them by ${moved} of their norm`)
    }
    const unfolded = foldConstants({ limit: Infinity })
    for (const narrow of [pipeline([ternarize(), unfolded]), pipeline([binarize(), unfolded]), pruneL1({ amount: 0.9 })]) {
      const { graph: few } = await narrow.apply(graph)
      const distance = farthest(await outputs((await packWeights().apply(few)).graph, feeds), await outputs(few, feeds))
      assert.ok(distance < 1e-5, `${narrow.name}: packed, it moved by ${distance} of the largest`)
    }
  })
}
