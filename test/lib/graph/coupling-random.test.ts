import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Coupling, emptied, removeEntries, union, type Coupled, type Member } from '../../../lib/graph/coupling.ts'
import type { Graph, Value } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import { verify } from '../../../lib/graph/verify.ts'
import { batchNorm2d, conv2d, convTranspose2d, flatten, globalAvgPool, linear, maxPool2d, relu, sequential, sigmoid, silu, type Layer } from '../../../lib/nn/layers.ts'
import * as models from '../../../lib/nn/models/index.ts'
import { Scope } from '../../../lib/nn/scope.ts'
import { channelsOf } from '../../../lib/passes/channels.ts'
import { relativeDistance, runGraph, scattered } from './run.ts'

const BLOCKS = ['convolution', 'strided', 'depthwise', 'multiplied', 'grouped', 'residual', 'dense', 'gate', 'shuffle', 'halves', 'everyOther', 'transposed', 'meanSquare', 'inverted', 'groupedTransposed', 'enlarged', 'toSizes', 'rowsOfBlocks', 'blocksOfRows', 'neighbours', 'groupNorm', 'einsum'] as const

/** One more block behind a map of channels; each ties channels in another way. */
const block: Record<(typeof BLOCKS)[number], (channels: number) => { layer: Layer; channels: number }> = {
  convolution: (c) => ({ layer: sequential(conv2d(c, 12, 3, { padding: 1 }), batchNorm2d(12), relu()), channels: 12 }),
  strided: (c) => ({ layer: sequential(conv2d(c, 8, 3, { padding: 1, bias: false }), silu(), maxPool2d(3, { stride: 1, padding: 1 })), channels: 8 }),
  depthwise: (c) => ({ layer: sequential(conv2d(c, c, 3, { padding: 1, groups: c }), batchNorm2d(c), relu()), channels: c }),
  multiplied: (c) => ({ layer: conv2d(c, 2 * c, 3, { padding: 1, groups: c }), channels: 2 * c }),
  grouped: (c) => ({ layer: sequential(conv2d(c, 24, 3, { padding: 1, groups: 4 }), relu()), channels: 24 }),
  residual: (c) => ({ layer: (scope, x) => scope.builder.add(x, sequential(conv2d(c, 8, 1), relu(), conv2d(8, c, 3, { padding: 1 }))(scope, x)), channels: c }),
  dense: (c) => ({ layer: (scope, x) => scope.builder.concat([x, sequential(batchNorm2d(c), relu(), conv2d(c, 4, 3, { padding: 1 }))(scope, x)], 1), channels: c + 4 }),
  gate: (c) => ({ layer: (scope, x) => scope.builder.mul(x, sequential(globalAvgPool(), conv2d(c, 4, 1), relu(), conv2d(4, c, 1), sigmoid())(scope, x)), channels: c }),
  shuffle: (c) => ({
    layer: (scope, x) => {
      const { builder } = scope
      return builder.reshape(builder.transpose(builder.reshape(x, [0, 2, c / 2, 6, 6]), [0, 2, 1, 3, 4]), [0, c, 6, 6])
    },
    channels: c,
  }),
  halves: (c) => ({
    layer: (scope, x) => {
      const [a, b] = scope.builder.split(x, [c / 2, c / 2], 1)
      return scope.builder.concat([conv2d(c / 2, c / 2, 1)(scope, a!), b!], 1)
    },
    channels: c,
  }),
  everyOther: (c) => ({ layer: (scope, x) => scope.builder.slice(x, [0], [c], [1], [2]), channels: c / 2 }),
  transposed: (c) => ({ layer: convTranspose2d(c, 8, 3, { padding: 1 }), channels: 8 }),
  groupedTransposed: (c) => ({ layer: convTranspose2d(c, 12, 3, { padding: 1, groups: 4 }), channels: 12 }),
  meanSquare: (c) => ({ layer: (scope, x) => scope.builder.div(x, scope.builder.add(1, scope.builder.op('ReduceMean', [scope.builder.mul(x, x)], { keepdims: 1 }))), channels: c }),
  enlarged: (c) => ({
    layer: ({ builder }, x) => builder.op('MaxPool', [builder.op('Mish', [builder.op('Resize', [x, null, builder.tensor(Tensor.float32([4], [1, 1, 2, 2]))])])], { kernel_shape: [2, 2], strides: [2, 2] }),
    channels: c,
  }),
  toSizes: (c) => ({
    layer: ({ builder }, x) => builder.op('Resize', [builder.op('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] }), null, null, builder.int64([2, c, 6, 6])], { mode: 'linear' }),
    channels: c,
  }),
  rowsOfBlocks: (c) => ({ layer: ({ builder }, x) => builder.op('SpaceToDepth', [builder.op('DepthToSpace', [x], { blocksize: 2 })], { blocksize: 2 }), channels: c }),
  blocksOfRows: (c) => ({
    layer: (scope, x) => scope.builder.op('DepthToSpace', [conv2d(4 * c, 16, 1)(scope, scope.builder.op('SpaceToDepth', [x], { blocksize: 2 }))], { blocksize: 2 }),
    channels: 4,
  }),
  neighbours: (c) => ({ layer: (scope, x) => scope.builder.op('MaxPool', [scope.builder.op('DepthToSpace', [conv2d(c, 16, 1)(scope, x)], { blocksize: 2, mode: 'CRD' })], { kernel_shape: [2, 2], strides: [2, 2] }), channels: 4 }),
  groupNorm: (c) => ({
    layer: (scope, x) => scope.builder.op('GroupNormalization', [x, ...['scale', 'shift'].map((name, i) => scope.graph.parameter(name, scattered('float32', [c], i + 2)))], { num_groups: c / 2 }),
    channels: c,
  }),
  einsum: (c) => ({ layer: (scope, x) => scope.builder.op('Einsum', [x, scope.graph.parameter('mixed', scattered('float32', [c, 8]))], { equation: 'nchw,cd->ndhw' }), channels: 8 }),
  inverted: (c) => ({
    layer: (scope, x) => scope.builder.add(x, sequential(conv2d(c, 2 * c, 1, { bias: false }), batchNorm2d(2 * c), relu(), conv2d(2 * c, 2 * c, 3, { padding: 1, groups: 2 * c }), relu(), conv2d(2 * c, c, 1))(scope, x)),
    channels: c,
  }),
}

function network(kinds: readonly (typeof BLOCKS)[number][]): Graph {
  const scope = Scope.root('random', { seed: 5 })
  let x = conv2d(3, 16, 3, { padding: 1 })(scope.child('stem'), scope.input('x', [2, 3, 6, 6]))
  let channels = 16
  kinds.forEach((kind, i) => {
    if (channels % 4 || (kind === 'everyOther' && channels < 16)) return
    const next = block[kind](channels)
    x = next.layer(scope.child(`${kind}${i}`), x)
    channels = next.channels
  })
  scope.graph.addOutput(sequential(flatten(), linear(channels * 36, 5))(scope.child('head'), x), 'logits')
  return scope.graph
}

/** Some of the members that may go, never all of an axis. */
function drawn(graph: Graph, share: number): { removal: Coupled; refused: number; free: number } {
  const coupling = new Coupling()
  const members = new Set<Member>(graph.nodes().flatMap((node) => (channelsOf(node) ? coupling.members(channelsOf(node)!.output) : [])))
  const free = [...members].filter(({ refusal }) => refusal === null)
  let chosen = free.filter((_, i) => (i * 0.618) % 1 < share)
  for (let empty = emptied(union(chosen)); empty; empty = emptied(union(chosen))) {
    const { value, axis } = empty
    const spared = chosen.find(({ entries }) => entries.some(({ port }) => port.value === value && port.axis === axis))
    chosen = chosen.filter((member) => member !== spared)
  }
  return { removal: union(chosen), refused: members.size - free.length, free: free.length }
}

/** The graph with zeros in place of what would go. */
function masked(graph: Graph, removal: Coupled): Graph {
  const copy = graph.copy()
  for (const [value, axes] of removal) {
    if (!value.initializer) continue
    const { dtype, shape } = value.initializer
    const data = Float32Array.from(value.initializer.toFloat32())
    for (const [axis, gone] of axes) {
      const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
      data.forEach((_, i) => gone.has(Math.floor(i / inner) % shape[axis]!) && (data[i] = 0))
    }
    copy.initializers.find(({ name }) => name === value.name)!.initializer = Tensor.of(dtype, shape, data)
  }
  return copy
}

async function checkRemoval(graph: Graph, feeds: Readonly<Record<string, Tensor>>, share: number): Promise<{ free: number; removed: number }> {
  const { removal, free } = drawn(graph, share)
  const expected = await runGraph(masked(graph, removal), feeds)
  const before = parameters(graph)
  removeEntries(graph, removal)
  verify(graph)
  const found = await runGraph(graph, feeds)
  for (const [name, tensor] of Object.entries(expected)) {
    assert.deepEqual(found[name]!.shape, tensor.shape)
    const distance = relativeDistance(found[name]!.toNumbers(), tensor.toNumbers())
    assert.ok(distance < 1e-4, `outputs differ by ${distance}`)
  }
  return { free, removed: before - parameters(graph) }
}

const parameters = (graph: Graph): number => graph.initializers.reduce((sum, { initializer }) => sum + initializer!.size, 0)
const stored = (graph: Graph, name: string): Value => graph.initializers.find((value) => value.name === name)!

test('in any network of residual, concatenated, depthwise, grouped, shuffled and gated blocks, removed channels are channels of zeros', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom(...BLOCKS), { minLength: 1, maxLength: 5 }), fc.double({ min: 0.1, max: 0.9, noNaN: true }), async (kinds, share) => {
    const { free, removed } = await checkRemoval(network(kinds), { x: scattered('float32', [2, 3, 6, 6]) }, share)
    assert.ok(free > 0, `nothing of ${kinds} may go`)
    assert.ok(share < 0.5 || removed > 0)
  }), { numRuns: 25, seed: 11, examples: BLOCKS.map((kind) => [['convolution', kind, 'convolution'], 0.5]) })
})

test('a hidden unit of an LSTM goes with its gates, in both layers, and an embedding dimension with what reads it', async () => {
  const { graph } = models.lstmSentiment({ vocabulary: 30, length: 5, embeddingSize: 8, hiddenSize: 12 })
  await checkRemoval(graph, { tokens: Tensor.of('int64', [3, 5], Array.from({ length: 15 }, (_, i) => (i * 7) % 30)) }, 0.5)
})

for (const [name, build, shape] of [
  ['ResNet-18', () => models.resnet18({ imageSize: 32 }), [1, 3, 32, 32]],
  ['MobileNetV2', () => models.mobilenetV2({ imageSize: 32 }), [1, 3, 32, 32]],
  ['EfficientNet-B0', () => models.efficientnetB0({ imageSize: 32 }), [1, 3, 32, 32]],
  ['LPRNet', () => models.lprnet(), [1, 3, 24, 94]],
] as const)
  test(`half the channels of ${name} that may go are as good as zeros`, async () => {
    const { graph } = build()
    const { removed } = await checkRemoval(graph, { [graph.inputs[0]!.name]: scattered('float32', shape) }, 0.5)
    assert.ok(removed > 0.4 * (removed + parameters(graph)), `${removed} parameters went, ${parameters(graph)} stayed`)
  })

test('an operator that hone does not know holds its channels, and the reason names it', () => {
  const scope = Scope.root('unknown')
  const x = conv2d(3, 8, 1)(scope.child('first'), scope.input('x', [1, 3, 6, 6]))
  const strange = scope.graph.add('Swirl', [x], {}, { domain: 'com.example', name: 'swirl', types: [x] }).output
  scope.graph.addOutput(conv2d(8, 2, 1)(scope.child('last'), strange), 'y')
  const [member] = new Coupling().members({ value: stored(scope.graph, 'first.weight'), axis: 0 })
  assert.match(member!.refusal!, /^swirl \(Swirl\) does not say how the axes of "first.*" hang together$/)
})
