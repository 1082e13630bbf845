import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { Session } from '../../../lib/runtime/session.ts'
import { sampleFeeds } from '../../../lib/measure/sample-feeds.ts'
import { models } from '../../../lib/nn/index.ts'
import type { Model } from '../../../lib/nn/model.ts'
import {
  blockLayers, commonSubexpressions, float8, flushDenormals, foldAffine, foldBatchNorm, foldConstants, fuseActivation, fuseGelu, fuseLayerNorm, fuseMatMulAdd, fuseResidual, mergeLayouts, mergeLinear, pipeline, pruneBlocks, pruneChannels, pruneL1, pruneNofM, pruneRandom,
  quantizeDynamic, removeIdentities,
} from '../../../lib/passes/index.ts'

/** Passes that keep every shape need not be run on the largest networks: they are on the others. */
const LARGE: ReadonlySet<string> = new Set(['VGG-11', 'ResNet-18', 'ResNet-50'])

const NETWORKS: Readonly<Record<string, () => Model>> = {
  'the dense model': () => models.dense(),
  'the MNIST CNN': () => models.mnistCnn(),
  'VGG-11': () => models.vgg11(),
  'ResNet-18': () => models.resnet18({ imageSize: 32 }),
  'ResNet-50': () => models.resnet50({ imageSize: 32 }),
  MobileNetV2: () => models.mobilenetV2({ imageSize: 32 }),
  'EfficientNet-B0': () => models.efficientnetB0({ imageSize: 32 }),
  LPRNet: () => models.lprnet(),
  'the sentiment LSTM': () => models.lstmSentiment({ vocabulary: 50, length: 6, embeddingSize: 8, hiddenSize: 16 }),
}

const EXACT = [
  flushDenormals(), removeIdentities(), foldConstants(), foldBatchNorm(), foldAffine(), mergeLayouts(), mergeLinear(), commonSubexpressions(), fuseMatMulAdd(), fuseGelu(), fuseLayerNorm(), fuseResidual(), fuseActivation(),
]

/** What changes the outputs, and still has to leave a graph that runs. */
const LOSSY = [pruneChannels({ amount: 0.5 }), float8(), blockLayers({ over: 'channels', tile: 24 }), blockLayers({ over: 'rows', tile: 3 }), quantizeDynamic(), pruneL1({ amount: 0.5 }), pruneL1({ amount: 0.5, scope: 'global' }), pruneRandom({ amount: 0.5 }), pruneNofM(), pruneBlocks({ amount: 0.5 })]

/** New networks have running statistics of 0 and 1, which many a wrong formula would survive. */
function seasoned(graph: Graph): void {
  for (const norm of graph.nodes('BatchNormalization'))
    for (const [i, from] of [[1, 0.9], [2, -0.1], [3, -0.1], [4, 0.9]] as const) {
      const value = norm.input(i)
      value.initializer = Tensor.float32(value.initializer!.shape, Float32Array.from({ length: value.initializer!.size }, (_, c) => from + ((c * 37) % 20) / 100))
    }
}

async function outputs(graph: Graph): Promise<Float32Array> {
  const session = await Session.create(graph, { spinning: false, graphOptimization: 'disabled' })
  try {
    const symbol = session.inputs[0]!.shape[0]
    const results = await session.run(sampleFeeds(session.inputs, typeof symbol === 'string' ? { [symbol]: 1 } : {}))
    return results[session.outputs[0]!.name]!.toFloat32()
  } finally {
    await session.release()
  }
}

for (const [name, build] of Object.entries(NETWORKS)) {
  test(`every exact pass leaves the outputs of ${name} as they were`, async () => {
    const { graph } = build()
    seasoned(graph)
    const expected = await outputs(graph)
    const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-6)
    for (const pass of [...EXACT, pipeline(EXACT)]) {
      const result = await pass.apply(graph)
      if (!result.changes.length) continue
      const found = await outputs(result.graph)
      const distance = found.reduce((most, x, i) => Math.max(most, Math.abs(x - expected[i]!)), 0) / scale
      assert.ok(distance < 1e-4, `${pass.name} moved them by ${distance} of the largest`)
    }
  })

  test(`every other pass leaves a graph of ${name} that runs`, async () => {
    const { graph } = build()
    const { length } = await outputs(graph)
    for (const pass of LARGE.has(name) ? LOSSY.slice(0, 1) : LOSSY) {
      const found = await outputs((await pass.apply(graph)).graph)
      assert.equal(found.length, length, pass.name)
      assert.ok(found.every(Number.isFinite), pass.name)
    }
  })
}
