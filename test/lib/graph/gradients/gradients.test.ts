import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as tf from '@tensorflow/tfjs'
import { packageFolder } from '../../../../lib/files.ts'
import { noGradient, type Operator } from '../../../../lib/graph/operator.ts'
import { operators } from '../../../../lib/graph/ops/index.ts'
import { isFloat, Tensor } from '../../../../lib/graph/tensor.ts'
import { openGraph, relativeDistance, runGraph, type Tensors } from '../run.ts'
import type { OracleCase } from './oracle-case.ts'
import { oracleCases } from './oracle-cases.ts'
import { differentiated, weightsOf, written } from './written.ts'

interface Figures {
  readonly outputs: readonly (readonly number[])[]
  readonly gradients: readonly (readonly number[])[]
}
const torch = JSON.parse(readFileSync(join(packageFolder(), 'test/lib/graph/gradients/torch-gradients.json'), 'utf8')) as Record<string, Figures>

/** Relative L2 distance up to which two say the same: both in float64, or one in float32. */
const EXACT = 1e-7
const ROUNDED = 1e-5

for (const [name, it] of Object.entries(oracleCases))
  test(`${name}: the gradients are those of ${oraclesOf(it).join(', ')}`, async () => {
    const isDouble = it.differences === undefined
    const found = await runGraph(differentiated(written(it, isDouble ? 'float64' : 'float32')).graph, written(it, isDouble ? 'float64' : 'float32').feeds)
    const outputs = Object.keys(found).filter((key) => key.startsWith('y')).map((key) => found[key]!.toNumbers())
    const gradients = Object.keys(found).filter((key) => key.startsWith('d_')).map((key) => found[key]!.toNumbers())
    same('central differences', { outputs, gradients: await centralDifferences(it) }, isDouble ? EXACT : ROUNDED)
    if (typeof it.torch === 'string') same('PyTorch', torch[name]!, isDouble ? EXACT : ROUNDED)
    if (typeof it.tensorflow === 'function') same('TensorFlow.js', byTensorFlow(it.inputs, it.tensorflow), ROUNDED)

    function same(oracle: string, expected: Figures, tolerance: number): void {
      for (const [what, ours, theirs] of [['output', outputs, expected.outputs], ['gradient', gradients, expected.gradients]] as const) {
        assert.equal(ours.length, theirs.length, oracle)
        ours.forEach((values, i) => {
          const distance = relativeDistance(values, theirs[i]!)
          assert.ok(values.length === theirs[i]!.length && distance < tolerance, `${oracle}, ${what} ${i}: ${distance}\n${values}\n${theirs[i]}`)
        })
      }
    }
  })

function oraclesOf({ torch: pytorch, tensorflow }: OracleCase): string[] {
  return ['central differences', ...(typeof pytorch === 'string' ? ['PyTorch'] : []), ...(typeof tensorflow === 'function' ? ['TensorFlow.js'] : [])]
}

/** In float64, of ONNX Runtime's own kernels; on whole numbers in float32, which is exact there; or of a function of one number. */
async function centralDifferences(it: OracleCase): Promise<number[][]> {
  const { differences } = it
  if (typeof differences === 'object' && 'each' in differences) return [ofEach(it, differences.each)]
  const isWhole = differences === 'whole'
  const forward = written(it, isWhole ? 'float32' : 'float64', typeof differences === 'object' ? differences.as : it.hone)
  const run = await openGraph(forward.graph)
  const weights = weightsOf(forward.outputs).map((tensor) => tensor.toNumbers())
  const sum = async (feeds: Tensors) => {
    const results = await run(feeds)
    return weights.reduce((total, some, i) => total + results[`y${i}`]!.toNumbers().reduce((s, v, j) => s + v * some[j]!, 0), 0)
  }
  const step = isWhole ? 1 : 1e-5
  const slopes: number[][] = []
  for (const [name, tensor] of Object.entries(forward.feeds)) {
    const values = tensor.toNumbers()
    const moved = (i: number, by: number) => sum({ ...forward.feeds, [name]: Tensor.of(tensor.dtype, tensor.shape, values.with(i, values[i]! + by)) })
    const slope: number[] = []
    for (const i of values.keys()) slope.push(((await moved(i, step)) - (await moved(i, -step))) / (2 * step))
    slopes.push(slope)
  }
  return slopes
}

function ofEach(it: OracleCase, each: (x: number) => number): number[] {
  const [weights] = weightsOf(written(it, 'float32').outputs).map((tensor) => tensor.toNumbers())
  return it.inputs[0]!.toNumbers().map((v, i) => (weights![i]! * (each(v + 1e-5) - each(v - 1e-5))) / 2e-5)
}

function byTensorFlow(inputs: readonly Tensor[], outputsOf: (...x: tf.Tensor[]) => readonly tf.Tensor[]): Figures {
  const given = (tensor: Tensor) => tf.tensor(tensor.toNumbers(), [...tensor.shape], isFloat(tensor.dtype) ? 'float32' : 'int32')
  const floats = inputs.filter(({ dtype }) => isFloat(dtype)).map(given)
  const all = (moving: tf.Tensor[]) => {
    const left = [...moving]
    return inputs.map((tensor) => (isFloat(tensor.dtype) ? left.shift()! : given(tensor)))
  }
  const outputs = outputsOf(...all(floats))
  const weights = weightsOf(outputs).map((tensor) => tf.tensor(tensor.toNumbers(), [...tensor.shape]))
  const slopes = tf.grads((...moving: tf.Tensor[]) => outputsOf(...all(moving)).map((output, i) => output.mul(weights[i]!).sum()).reduce((a, b) => a.add(b)) as tf.Scalar)(floats)
  return { outputs: outputs.map((output) => [...output.dataSync()]), gradients: slopes.map((slope) => [...slope.dataSync()]) }
}

test('every operator that has a gradient is among them', () => {
  const isDifferentiable = ({ gradient }: Operator) => gradient !== undefined && gradient !== noGradient
  const covered = new Set(Object.values(oracleCases).flatMap((it) => written(it, it.differences ? 'float32' : 'float64').graph.nodes().map(({ domain, type }) => `${domain}.${type}`)))
  assert.deepEqual(operators.filter(isDifferentiable).map(({ domain, type }) => `${domain}.${type}`).filter((key) => !covered.has(key)), [])
})
