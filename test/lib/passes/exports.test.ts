import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Graph } from '../../../lib/graph/graph.ts'
import { inferShapes } from '../../../lib/graph/infer.ts'
import { decodeModel, encodeModel, readModel } from '../../../lib/graph/onnx.ts'
import { raiseOpset } from '../../../lib/graph/opset.ts'
import { Tensor, type DataType } from '../../../lib/graph/tensor.ts'
import { verify } from '../../../lib/graph/verify.ts'
import {
  commonSubexpressions, equalize, flushDenormals, foldAffine, foldBatchNorm, foldConstants, fuseActivation, fuseGelu, fuseLayerNorm, fuseMatMulAdd, fuseResidual, halfPrecision, mergeLayouts, mergeLinear, packWeights, pipeline, pruneBlocks,
  pruneChannels, pruneL1, pruneNofM, quantize, quantizeDynamic, removeIdentities, type Pass,
} from '../../../lib/passes/index.ts'
import { Session } from '../../../lib/runtime/session.ts'

interface Recorded {
  readonly x: { readonly dtype: DataType; readonly shape: readonly number[]; readonly data: readonly number[] }
  readonly y: readonly number[]
}

/** Written by exports.py and keras-exports.py beside them. */
const folder = join(import.meta.dirname, '../../../../test/lib/passes/fixtures')
const recorded = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Readonly<Record<string, Recorded>>
const exports = { ...recorded('exports.json'), ...recorded('keras-exports.json') }

const EXACT: readonly Pass[] = [
  flushDenormals(), removeIdentities(), foldConstants(), foldBatchNorm(), foldAffine(), mergeLayouts(), mergeLinear(), commonSubexpressions(), fuseMatMulAdd(), fuseGelu(), fuseLayerNorm(), equalize(), fuseResidual(), fuseActivation(), packWeights(),
]

async function outputs(graph: Graph, x: Tensor): Promise<readonly number[]> {
  const session = await Session.create(graph, { spinning: false, graphOptimization: 'disabled' })
  try {
    const results = await session.run({ [session.inputs[0]!.name]: x })
    return results[session.outputs.at(-1)!.name]!.toNumbers()
  } finally {
    await session.release()
  }
}

function distance(found: readonly number[], expected: readonly number[]): number {
  assert.equal(found.length, expected.length)
  return Math.max(...found.map((y, i) => Math.abs(y - expected[i]!))) / Math.max(1, ...expected.map(Math.abs))
}

for (const [name, { x, y }] of Object.entries(exports)) {
  const input = Tensor.of(x.dtype, x.shape, x.dtype === 'int64' ? x.data.map(BigInt) : x.data)
  const read = () => readModel(join(folder, `${name}.onnx`))

  test(`${name}: read, written and run, it gives what the framework gave; so it does after every exact pass`, async () => {
    const graph = read()
    assert.ok(distance(await outputs(graph, input), y) < 1e-5)
    assert.ok(distance(await outputs(decodeModel(encodeModel(graph)), input), y) < 1e-5)
    for (const pass of [...EXACT, pipeline(EXACT)]) {
      const result = await pass.apply(graph)
      if (result.changes.length) assert.ok(distance(await outputs(result.graph, input), y) < 1e-5, pass.name)
    }
  })

  test(`${name}: brought up to operator set 18, in which networks are trained, it gives the same`, async () => {
    const graph = read()
    raiseOpset(graph)
    assert.ok(graph.opsets.get('')! >= 18)
    assert.ok(distance(await outputs(verify(inferShapes(graph)), input), y) < 1e-5)
  })

  test(`${name}: pruned, quantized and halved, it still runs, and says what was refused`, async () => {
    const inputName = read().inputs[0]!.name
    const calibrate = [{ [inputName]: input }]
    const passes = [pruneL1({ amount: 0.5 }), pruneNofM(), pruneBlocks({ amount: 0.5 }), pruneChannels({ amount: 0.5 }), quantizeDynamic(), halfPrecision(), ...(x.dtype === 'float32' ? [quantize({ calibrate })] : [])]
    for (const pass of passes) {
      const { graph, changes, refusals } = await pass.apply(read())
      const found = await outputs(graph, input)
      assert.ok(found.length === y.length && found.every(Number.isFinite), pass.name)
      assert.ok(changes.length + refusals.length > 0 || name.startsWith('sklearn'), `${pass.name} says nothing`)
    }
  })
}

test('half of the channels of an exported network really go', async () => {
  for (const name of ['residual-12', 'grouped-13', 'depthwise-14', 'shuffled-15', 'gated-16', 'upsampler-19', 'recurrent-18', 'dynamo-20', 'keras-convolutional']) {
    const before = readModel(join(folder, `${name}.onnx`))
    const { graph } = await pruneChannels({ amount: 0.5 }).apply(before)
    const size = (it: Graph) => it.initializers.reduce((sum, { initializer }) => sum + (initializer!.dtype === 'float32' ? initializer!.size : 0), 0)
    assert.ok(size(graph) < 0.7 * size(before), `${name}: ${size(graph)} of ${size(before)} numbers stay`)
  }
})
