import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Graph, Value } from '../../../lib/graph/graph.ts'
import { Tensor } from '../../../lib/graph/tensor.ts'
import {
  commonSubexpressions, compare, foldAffine, foldBatchNorm, fuseActivation, fuseGelu, fuseLayerNorm, fuseMatMulAdd, fuseResidual, mergeLayouts, mergeLinear, pipeline, removeIdentities, type Pass,
} from '../../../lib/passes/index.ts'
import { Net, noise, types } from './networks.ts'

const image = [2, 4, 9, 8]

/** Applies a pass, and checks that it leaves these operators and the same outputs. */
async function become(graph: Graph, pass: Pass, expected: readonly string[], feeds: Readonly<Record<string, Tensor>> = { x: noise(image) }) {
  const result = await pass.apply(graph)
  assert.deepEqual(types(result.graph), expected)
  const { largest } = await compare(graph, result.graph, feeds)
  assert.ok(largest < 1e-5, `the outputs moved by ${largest}`)
  return result
}

const reasons = async (graph: Graph, pass: Pass) => (await pass.apply(graph)).refusals.map(({ reason }) => reason)

test('what changes nothing is removed', async () => {
  const net = new Net()
  const { builder } = net
  let x: Value = net.relu(net.input(image), 'relu')
  x = builder.op('Cast', [x], { to: 1 })
  x = builder.op('Transpose', [x], { perm: [0, 1, 2, 3] })
  x = builder.reshape(x, [0, 4, -1, 8])
  x = builder.slice(x, [0], [100], [2])
  x = builder.op('Concat', [x], { axis: 1 })
  x = builder.add(builder.mul(x, 1), 0)
  x = builder.op('Pad', [x, builder.int64([0, 0, 0, 0, 0, 0, 0, 0])])
  const { changes } = await become(net.output(net.relu(x, 'last')), removeIdentities(), ['Relu', 'Relu'])
  assert.equal(changes.length, 8)
})

test('what changes something stays: a reversal, a broadcast, a permutation', async () => {
  const net = new Net()
  const { builder } = net
  let x: Value = net.input([1, 4])
  x = builder.slice(x, [-1], [-100], [1], [-1])
  x = builder.add(x, builder.tensor(Tensor.zeros('float32', [3, 1])))
  await become(net.output(builder.transpose(x)), removeIdentities(), ['Slice', 'Add', 'Transpose'], { x: noise([1, 4]) })
})

test('two transposes, two reshapes and two casts become one each, and nothing where they undo each other', async () => {
  const net = new Net()
  const { builder } = net
  let x: Value = builder.transpose(builder.transpose(net.input(image), [0, 2, 3, 1]), [0, 3, 1, 2])
  x = builder.reshape(builder.op('Flatten', [net.relu(x, 'relu')]), [2, 36, 8])
  x = builder.cast(builder.cast(builder.op('Relu', [x]), 'float64'), 'float32')
  const graph = net.output(builder.neg(x))
  await become(graph, mergeLayouts(), ['Transpose', 'Relu', 'Reshape', 'Relu', 'Cast', 'Neg'])
  await become(graph, pipeline([mergeLayouts(), removeIdentities()]), ['Relu', 'Reshape', 'Relu', 'Neg'])
})

test('a cast that loses digits stays', async () => {
  const net = new Net()
  const x = net.builder.cast(net.builder.cast(net.input([4]), 'float16'), 'float32')
  await become(net.output(net.relu(x, 'relu')), mergeLayouts(), ['Cast', 'Cast', 'Relu'], { x: noise([4]) })
})

test('what is computed twice is computed once', async () => {
  const net = new Net()
  const x = net.input(image)
  const [a, b] = [net.builder.exp(net.builder.mul(x, 2)), net.builder.exp(net.builder.mul(x, 2))]
  const { changes } = await become(net.output(net.builder.add(a, b)), commonSubexpressions(), ['Mul', 'Exp', 'Add'])
  assert.deepEqual(changes.map(({ text }) => text), ['the same as mul', 'the same as exp'])
})

test('a chain of constant factors and additions goes into the layer before it', async () => {
  for (const bias of [true, false]) {
    const net = new Net()
    const { builder } = net
    let x = net.conv(net.input(image), 'conv', 6, { bias, group: 2 })
    x = builder.sub(builder.mul(x, 3), builder.tensor(noise([6, 1, 1], 7)))
    x = builder.div(builder.add(builder.tensor(noise([1, 6, 1, 1], 8)), x), 0.5)
    await become(net.output(net.relu(x, 'relu')), foldAffine(), ['Conv', 'Relu'])
  }
  for (const transB of [0, 1]) {
    const net = new Net()
    const x = net.builder.op('Gemm', [net.input([3, 5]), net.parameter('w', transB ? [4, 5] : [5, 4])], { transB })
    await become(net.output(net.builder.add(net.builder.mul(x, net.builder.tensor(noise([4], 3))), 1)), foldAffine(), ['Gemm'], { x: noise([3, 5]) })
  }
})

test('a factor for each column, or one that is computed, is not folded', async () => {
  const net = new Net()
  const x = net.conv(net.input(image), 'conv', 6)
  const graph = net.output(net.builder.mul(x, net.builder.tensor(noise([6]))))
  assert.deepEqual(await reasons(graph, foldAffine()), ['"constant" is not one number for each channel'])
})

test('a batch norm goes into the convolution or linear layer behind it, where no padding stands between', async () => {
  for (const group of [1, 2]) {
    const net = new Net()
    await become(net.output(net.conv(net.norm(net.input(image), 'bn'), 'conv', 6, { group, strides: [2, 1] })), foldBatchNorm(), ['Conv'])
  }
  const linear = new Net()
  await become(linear.output(linear.linear(linear.norm(linear.input([3, 5]), 'bn'), 'fc', 4)), foldBatchNorm(), ['Gemm'], { x: noise([3, 5]) })
  const padded = new Net()
  const graph = padded.output(padded.conv(padded.norm(padded.input(image), 'bn'), 'conv', 6, { pads: [1, 1, 1, 1] }))
  assert.deepEqual(await reasons(graph, foldBatchNorm()), ['conv pads with zeros, which would have to be moved, too'])
})

test('two linear layers become one, a 1x1 convolution goes into the one before it', async () => {
  for (const transB of [0, 1]) {
    const net = new Net()
    const hidden = net.builder.op('Gemm', [net.input([3, 5]), net.parameter('w', transB ? [8, 5] : [5, 8]), net.parameter('b', [8])], { transB })
    await become(net.output(net.linear(hidden, 'second', 4)), mergeLinear(), ['Gemm'], { x: noise([3, 5]) })
  }
  const net = new Net()
  const y = net.conv(net.conv(net.input(image), 'first', 16, { pads: [1, 1, 1, 1], strides: [2, 2], bias: false }), 'second', 6, { kernel: [1, 1] })
  const { changes } = await become(net.output(y), mergeLinear(), ['Conv'])
  assert.equal(changes[0]!.text, 'merged into first')
})

test('a bottleneck stays two layers, and says how many weights it saves', async () => {
  const net = new Net()
  const graph = net.output(net.linear(net.linear(net.input([3, 50]), 'down', 2), 'up', 40))
  assert.deepEqual(await reasons(graph, mergeLinear()), ["its input is the input \"x\", not a layer that it could be merged with", 'one layer would have 2,000 weights, the two have 180'])
})

test('two linear layers stay where a bias differs from sample to sample', async () => {
  for (const [first, second, merged] of [[[3, 8], [4], false], [[8], [3, 1], false], [[8], [3, 4], false], [[1, 8], [1], true], [[], [1, 4], true]] as const) {
    const net = new Net()
    const gemm = (x: Value, name: string, features: number, bias: readonly number[]) =>
      net.builder.op('Gemm', [x, net.parameter(`${name}.weight`, [Number(x.shape![1]), features]), net.parameter(`${name}.bias`, bias)], {}, { name })
    const graph = net.output(gemm(gemm(net.input([3, 5]), 'first', 8, first), 'second', 4, second))
    await become(graph, mergeLinear(), merged ? ['Gemm'] : ['Gemm', 'Gemm'], { x: noise([3, 5]) })
    if (!merged) assert.match((await reasons(graph, mergeLinear())).at(-1)!, /^the bias of (it|first) has the shape \[3,\d\], not one number for each output$/)
  }
})

test('an output that two merged layers compute keeps its type and shape, also where those before it are unknown', async () => {
  const net = new Net()
  const unknown = net.graph.add('Secret', [net.input([3, 5])], {}, { domain: 'custom' }).output
  const gemm = (x: Value, name: string, shape: readonly number[]) => net.graph.add('Gemm', [x, net.parameter(name, shape)], {}, { name }).output
  const y = Object.assign(gemm(gemm(unknown, 'first', [5, 8]), 'second', [8, 4]), { dtype: 'float32', shape: [3, 4] })
  const { graph, changes } = await mergeLinear().apply(net.output(y))
  assert.equal(changes.length, 1)
  assert.equal(`${graph.outputs[0]!.dtype} ${graph.outputs[0]!.shape}`, 'float32 3,4')
})

test('a product and its bias become a Gemm; batched products stay', async () => {
  const net = new Net()
  const product = net.builder.matmul(net.input([3, 5]), net.parameter('w', [5, 4]))
  await become(net.output(net.builder.add(net.parameter('b', [4]), product)), fuseMatMulAdd(), ['Gemm'], { x: noise([3, 5]) })
  const batched = new Net()
  const graph = batched.output(batched.builder.add(batched.builder.matmul(batched.input([2, 3, 5]), batched.parameter('w', [5, 4])), batched.parameter('b', [4])))
  assert.match((await reasons(graph, fuseMatMulAdd()))[0]!, /multiplies more than two matrices at once, which a Gemm cannot/)
})

test('a linear layer and its activation become one node', async () => {
  for (const [type, attributes] of [['Relu', {}], ['Sigmoid', {}], ['Tanh', {}], ['LeakyRelu', { alpha: 0.2 }]] as const) {
    const net = new Net()
    await become(net.output(net.builder.op(type, [net.linear(net.input([3, 5]), 'fc', 4)], attributes)), fuseActivation(), ['FusedGemm'], { x: noise([3, 5]) })
  }
  const net = new Net()
  const graph = net.output(net.builder.op('HardSigmoid', [net.linear(net.input([3, 5]), 'fc', 4)]))
  assert.deepEqual(await reasons(graph, fuseActivation()), ["ONNX Runtime's FusedGemm takes Relu, Sigmoid, Tanh, LeakyRelu, not HardSigmoid"])
})

test('a residual addition goes into the convolution, the activation after it, too', async () => {
  const net = new Net()
  const x = net.input([2, 4, 8, 8])
  const branch = net.conv(net.relu(net.conv(x, 'a', 4, { pads: [1, 1, 1, 1] }), 'act'), 'b', 4, { pads: [1, 1, 1, 1] })
  const graph = net.output(net.relu(net.builder.add(x, branch), 'out'))
  const feeds = { x: noise([2, 4, 8, 8]) }
  await become(graph, fuseResidual(), ['Conv', 'Relu', 'FusedConv', 'Relu'], feeds)
  await become(graph, pipeline([fuseResidual(), fuseActivation()]), ['FusedConv', 'FusedConv'], feeds)
})

test('GELU, in each way that exporters write it, becomes one node', async () => {
  const forms: readonly ((net: Net, x: Value, one: Value) => Value)[] = [
    ({ builder }, x, one) => builder.mul(builder.mul(x, one), 0.5),
    ({ builder }, x, one) => builder.mul(builder.mul(x, 0.5), one),
    ({ builder }, x, one) => builder.mul(x, builder.mul(one, 0.5)),
    ({ builder }, x, one) => builder.div(builder.mul(one, x), 2),
  ]
  for (const form of forms) {
    const net = new Net()
    const x = net.input([3, 5])
    const one = net.builder.add(net.builder.op('Erf', [net.builder.div(x, Math.SQRT2)]), 1)
    await become(net.output(form(net, x, one)), fuseGelu(), ['Gelu'], { x: noise([3, 5]) })
  }
  const other = new Net()
  const x = other.input([3, 5])
  const graph = other.output(other.builder.mul(x, other.builder.add(other.builder.op('Erf', [other.builder.div(x, Math.SQRT2)]), 1)))
  assert.deepEqual(await reasons(graph, fuseGelu()), ['what is around it is not x·(1 + erf(x/√2))/2'])
})

test('layer normalization, written out, becomes one node, with and without a bias', async () => {
  for (const [squared, bias] of [['Mul', true], ['Pow', false]] as const) {
    const net = new Net()
    const { builder } = net
    const x = net.input([2, 3, 6])
    const centred = builder.sub(x, builder.op('ReduceMean', [x, builder.int64([-1])]))
    const square = squared === 'Mul' ? builder.mul(centred, centred) : builder.pow(centred, 2)
    const deviation = builder.sqrt(builder.add(builder.op('ReduceMean', [square, builder.int64([2])]), 1e-5))
    const scaled = builder.mul(builder.div(centred, deviation), net.parameter('gamma', [6]))
    await become(net.output(bias ? builder.add(scaled, net.parameter('beta', [6])) : scaled), fuseLayerNorm(), ['LayerNormalization'], { x: noise([2, 3, 6]) })
  }
})
