import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { packageFolder } from '../../lib/files.ts'
import { writeModel } from '../../lib/graph/onnx.ts'
import { sizeOf, Tensor } from '../../lib/graph/tensor.ts'
import { models } from '../../lib/nn/index.ts'
import { Model } from '../../lib/nn/model.ts'
import {
  binarize, blockLayers, commonSubexpressions, correctBias, equalize, float8, flushDenormals, foldAffine, foldBatchNorm, foldConstants, fuseActivation, fuseGelu, fuseLayerNorm, fuseMatMulAdd, fuseResidual, halfPrecision, mergeLayouts, mergeLinear, packWeights,
  pipeline, pruneBlocks, pruneChannels, pruneL1, pruneNofM, pruneRandom, quantize, quantizeAware, quantizeDynamic, removeIdentities, ternarize, toIntegers, type Pass,
} from '../../lib/passes/index.ts'
import { judge, skip } from './onnx.ts'

const FIXTURES = path.join(packageFolder(), 'test', 'lib', 'passes', 'fixtures')
const EXACT = [
  flushDenormals(), removeIdentities(), foldConstants(), foldBatchNorm(), foldAffine(), mergeLayouts(), mergeLinear(), commonSubexpressions(), fuseMatMulAdd(), fuseGelu(), fuseLayerNorm(), fuseResidual(), fuseActivation(),
]

/** Of the largest networks most channels are removed first, so that hundreds of files are soon written. */
const slim = (model: Model) => model.apply(pruneChannels({ amount: 0.9 }))

const NETWORKS: Readonly<Record<string, () => Model | Promise<Model>>> = {
  dense: () => models.dense(),
  'mnist-cnn': () => models.mnistCnn(),
  vgg11: () => slim(models.vgg11()),
  resnet18: () => slim(models.resnet18({ imageSize: 32 })),
  'mobilenet-v2': () => slim(models.mobilenetV2({ imageSize: 32 })),
  'efficientnet-b0': () => slim(models.efficientnetB0({ imageSize: 32 })),
  lprnet: () => models.lprnet(),
  lstm: () => models.lstmSentiment({ vocabulary: 50, length: 6, embeddingSize: 8, hiddenSize: 16 }),
  ...Object.fromEntries(readdirSync(FIXTURES).filter((file) => file.endsWith('.onnx')).map((file) => [file, () => Model.read(path.join(FIXTURES, file))])),
}

const folder = mkdtempSync(path.join(tmpdir(), 'hone-passes-'))
after(() => rmSync(folder, { recursive: true }))

/** Every pass, with what it needs of a network. */
function passes({ graph }: Model): readonly Pass[] {
  const [input] = graph.inputs
  const shape = input!.shape!.map((d) => (typeof d === 'number' ? d : 1))
  const values = Array.from({ length: sizeOf(shape) }, (_, i) => (input!.dtype === 'float32' ? ((i * 37) % 20) / 10 - 1 : i % 6))
  const calibrate = [{ [input!.name]: Tensor.of(input!.dtype!, shape, values) }]
  return [
    ...EXACT, pipeline(EXACT), packWeights(), equalize(), halfPrecision({ device: 'cuda' }), halfPrecision({ dtype: 'bfloat16', device: 'cuda' }), halfPrecision({ storageOnly: true }),
    float8(), float8({ dtype: 'float8e5m2', scale: 'tensor', ...(input!.dtype === 'float32' && { calibrate }) }), blockLayers({ over: 'channels', tile: 24 }), blockLayers({ over: 'rows', tile: 3 }),
    binarize(), ternarize(), pipeline([ternarize(), packWeights()]), pipeline([ternarize(), correctBias({ reference: graph, calibrate })]),
    quantize({ calibrate }), quantize({ calibrate, format: 'operator' }), quantize({ calibrate, format: 'operator', perChannel: false, weightType: 'uint8', activationSymmetric: true }), pipeline([foldBatchNorm(), quantize({ calibrate }), fuseActivation()]), quantizeDynamic({ force: true }), quantizeAware({ calibrate }), pipeline([quantizeAware({ calibrate }), toIntegers()]),
    pruneL1({ amount: 0.5 }), pruneRandom({ amount: 0.5 }), pruneNofM(), pruneBlocks({ amount: 0.5 }), pruneChannels({ amount: 0.5 }),
  ]
}

test('what each pass makes of each network is a valid file, says the onnx package', { skip, timeout: 300_000 }, async (t) => {
  for (const [name, build] of Object.entries(NETWORKS)) {
    const model = await build()
    for (const [i, pass] of passes(model).entries()) {
      const { graph, changes } = await pass.apply(model.graph)
      if (changes.length) writeModel(graph, path.join(folder, `${name} ${i} ${pass.name.slice(0, 60)}.onnx`))
    }
  }
  const { judged, problems } = await judge(folder)
  t.diagnostic(`${judged} files judged`)
  assert.equal(problems.join('\n'), '')
  assert.ok(judged > 150)
})
