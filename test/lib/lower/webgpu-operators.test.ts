import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Builder } from '../../../lib/graph/builder.ts'
import { Graph } from '../../../lib/graph/graph.ts'
import { pooled } from '../../../lib/graph/ops/pool.ts'
import { HONE } from '../../../lib/graph/operator.ts'
import { sizeOf, Tensor } from '../../../lib/graph/tensor.ts'
import { lower } from '../../../lib/lower/index.ts'
import { relativeDistance, runGraph } from '../graph/run.ts'

/** What is written for WebGPU, here run by the CPU provider, beside the operator's own expansion or kernel. */
async function assertSame(graph: Graph, feeds: Record<string, Tensor>): Promise<void> {
  const [found, expected] = [await runGraph(lower(graph, 'webgpu').graph, feeds), await runGraph(graph, feeds)]
  for (const name of Object.keys(expected)) assert.ok(relativeDistance(found[name]!.toNumbers(), expected[name]!.toNumbers()) < 1e-5, name)
}

const window = fc.record({ kernel: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 3 }), dilation: fc.integer({ min: 1, max: 2 }), before: fc.nat(1), after: fc.nat(1), size: fc.integer({ min: 6, max: 9 }) })

test("the gradient of a max pooling is the same for any window, padding and ties", () =>
  fc.assert(fc.asyncProperty(fc.array(window, { minLength: 1, maxLength: 2 }), fc.boolean(), fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 7, maxLength: 23 }), async (axes, ceil, values) => {
    const of = (name: keyof (typeof axes)[0]) => axes.map((axis) => axis[name])
    const padding = (name: 'before' | 'after') => axes.map((axis) => Math.min(axis[name], axis.kernel - 1))
    const attributes = { kernel_shape: of('kernel'), strides: of('stride'), dilations: of('dilation'), pads: [...padding('before'), ...padding('after')], ceil_mode: Number(ceil) }
    const graph = new Graph('pooling')
    const builder = new Builder(graph)
    const shape = [2, 3, ...of('size')]
    const x = graph.input('x', 'float32', shape)
    const forward = graph.add('MaxPool', [x], attributes)
    const outputs = pooled(x, forward).shape as number[]
    forward.remove()
    graph.addOutput(builder.op('MaxPoolGrad', [x, graph.input('dy', 'float32', outputs)], attributes, { domain: HONE }), 'dx')
    const filled = (dims: readonly number[]) => Tensor.float32(dims, Array.from({ length: sizeOf(dims) }, (_, i) => values[i % values.length]!))
    await assertSame(graph, { x: filled(shape), dy: filled(outputs) })
  }), { numRuns: 40 }))

test('the logarithm of a softmax is the same along any axis, and does not overflow', () =>
  fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), fc.nat(3), fc.double({ min: -300, max: 300, noNaN: true }), async (shape, axis, scale) => {
    const graph = new Graph('probabilities')
    graph.addOutput(new Builder(graph).op('LogSoftmax', [graph.input('x', 'float32', shape)], { axis: axis % shape.length }), 'y')
    await assertSame(graph, { x: Tensor.float32(shape, Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(7 * i) * scale)) })
  }), { numRuns: 20 }))
