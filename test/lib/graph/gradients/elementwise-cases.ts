import * as tf from '@tensorflow/tfjs'
import { DATA_TYPES, Tensor } from '../../../../lib/graph/tensor.ts'
import { lacking, node, own, positive, x, y, z, type Attributes, type Differences, type OracleCase } from './oracle-case.ts'

const float = (value: number) => ({ type: 'float', value }) as const

/** erf by its series, which converges everywhere. https://dlmf.nist.gov/7.6.E1 */
function erf(v: number): number {
  let term = v
  let sum = v
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (-v * v) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

const unary = (type: string, torch: string, tensorflow: (v: tf.Tensor) => tf.Tensor, { attributes = {}, input = x(3, 5), each }: { attributes?: Attributes; input?: Tensor; each?: (v: number) => number } = {}): OracleCase =>
  node(type, [input], attributes, { torch, tensorflow: (v) => [tensorflow(v!)], ...(each && { differences: { each } satisfies Differences }) })

const binary = (type: string, torch: string, tensorflow: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, first = x(2, 3, 4)): OracleCase =>
  node(type, [first, y(3, 1)], {}, { torch, tensorflow: (a, b) => [tensorflow(a!, b!)] })

/** TensorFlow.js does not broadcast the gradients of maximum and minimum back. */
const wide = (v: tf.Tensor) => tf.broadcastTo(v, [2, 3])

const tanhGelu = (v: number) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))

/** What dropout keeps of 24 elements by seed 5, stream 2, in step 3. */
const KEPT = Tensor.of('int64', [4, 6], [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1])

export const elementwise: Readonly<Record<string, OracleCase>> = {
  Relu: unary('Relu', 'F.relu(x[0])', tf.relu),
  Sigmoid: unary('Sigmoid', 'torch.sigmoid(x[0])', tf.sigmoid),
  Tanh: unary('Tanh', 'torch.tanh(x[0])', tf.tanh),
  Exp: unary('Exp', 'torch.exp(x[0])', tf.exp),
  Log: unary('Log', 'torch.log(x[0])', tf.log, { input: positive(x(3, 5)) }),
  Sqrt: unary('Sqrt', 'torch.sqrt(x[0])', tf.sqrt, { input: positive(x(3, 5)) }),
  Reciprocal: unary('Reciprocal', 'torch.reciprocal(x[0])', tf.reciprocal),
  Neg: unary('Neg', '-x[0]', tf.neg),
  Abs: unary('Abs', 'torch.abs(x[0])', tf.abs),
  Sin: unary('Sin', 'torch.sin(x[0])', tf.sin),
  Cos: unary('Cos', 'torch.cos(x[0])', tf.cos),
  Identity: unary('Identity', 'x[0] * 1', tf.clone),
  Erf: unary('Erf', 'torch.erf(x[0])', tf.erf, { each: erf }),
  Softplus: unary('Softplus', 'F.softplus(x[0])', tf.softplus, { each: (v) => Math.log1p(Math.exp(v)) }),
  LeakyRelu: unary('LeakyRelu', 'F.leaky_relu(x[0], 0.3)', (v) => tf.leakyRelu(v, 0.3), { attributes: { alpha: float(0.3) }, each: (v) => Math.max(v, 0.3 * v) }),
  Elu: unary('Elu', 'F.elu(x[0], 1.0)', tf.elu, { each: (v) => (v > 0 ? v : Math.expm1(v)) }),
  'Elu, another alpha': unary('Elu', 'F.elu(x[0], 0.7)', (v) => tf.relu(v).add(tf.expm1(tf.minimum(v, 0)).mul(0.7)), { attributes: { alpha: float(0.7) }, each: (v) => (v > 0 ? v : 0.7 * Math.expm1(v)) }),
  Celu: unary('Celu', 'F.celu(x[0], 0.7)', (v) => tf.relu(v).add(tf.expm1(tf.minimum(v, 0).div(0.7)).mul(0.7)), { attributes: { alpha: float(0.7) }, each: (v) => (v > 0 ? v : 0.7 * Math.expm1(v / 0.7)) }),
  Selu: unary('Selu', 'F.selu(x[0])', tf.selu, { each: (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v)) }),
  Softsign: unary('Softsign', 'F.softsign(x[0])', (v) => v.div(v.abs().add(1)), { each: (v) => v / (1 + Math.abs(v)) }),
  Mish: unary('Mish', 'F.mish(x[0])', (v) => v.mul(tf.tanh(tf.softplus(v))), { each: (v) => v * Math.tanh(Math.log1p(Math.exp(v))) }),
  HardSigmoid: unary('HardSigmoid', 'F.hardsigmoid(x[0] * 3)', (v) => tf.clipByValue(v.mul(0.5).add(0.5), 0, 1), { attributes: { alpha: float(0.5), beta: float(0.5) }, each: (v) => Math.min(1, Math.max(0, 0.5 * v + 0.5)) }),
  HardSwish: unary('HardSwish', 'F.hardswish(x[0])', (v) => v.mul(tf.relu6(v.add(3))).div(6), { input: Tensor.of('float64', [8], [-4, -3.3, -2, -0.4, 0.3, 1.2, 2.9, 4]), each: (v) => (v * Math.min(6, Math.max(0, v + 3))) / 6 }),
  Gelu: unary('Gelu', 'F.gelu(x[0])', (v) => v.mul(0.5).mul(tf.erf(v.mul(Math.SQRT1_2)).add(1)), { each: (v) => 0.5 * v * (1 + erf(v * Math.SQRT1_2)) }),
  'Gelu by tanh': unary('Gelu', "F.gelu(x[0], approximate='tanh')", (v) => v.mul(0.5).mul(tf.tanh(v.add(v.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI))).add(1)), { attributes: { approximate: 'tanh' }, each: tanhGelu }),
  Cast: node('Cast', [x(3, 5)], { to: DATA_TYPES.indexOf('float32') }, { torch: 'x[0].float()', tensorflow: (v) => [tf.cast(v!, 'float32')], differences: 'whole' }),
  Clip: {
    inputs: [x(3, 5)], hone: (graph, v) => [graph.op('Clip', [v, graph.scalar(-0.5, v!.dtype), graph.scalar(0.75, v!.dtype)])],
    torch: 'x[0].clamp(-0.5, 0.75)', tensorflow: (v) => [tf.clipByValue(v!, -0.5, 0.75)],
  },

  Add: binary('Add', 'x[0] + x[1]', tf.add),
  Sub: binary('Sub', 'x[0] - x[1]', tf.sub),
  Mul: binary('Mul', 'x[0] * x[1]', tf.mul),
  Div: binary('Div', 'x[0] / x[1]', tf.div),
  Pow: binary('Pow', 'x[0] ** x[1]', tf.pow, positive(x(2, 3, 4))),
  'Pow of 0, and to the power of 0': node('Pow', [Tensor.of('float64', [3], [0, 3, 2]), Tensor.of('float64', [3], [2, 0, 1.5])], {}, {
    torch: 'x[0] ** x[1]', tensorflow: (a, b) => [tf.pow(a!, b!)],
  }),
  Max: node('Max', [x(2, 3), y(3), z(2, 1)], {}, { torch: 'torch.maximum(torch.maximum(x[0], x[1]), x[2])', tensorflow: (...some) => [some.map(wide).reduce(tf.maximum)] }),
  'Max where both are equal': node('Max', [x(2, 3), x(2, 3)], {}, { torch: 'torch.maximum(x[0], x[1])', tensorflow: lacking('TensorFlow.js hands all of it to the first') }),
  Min: node('Min', [x(2, 3), y(3), z(2, 1)], {}, { torch: 'torch.minimum(torch.minimum(x[0], x[1]), x[2])', tensorflow: (...some) => [some.map(wide).reduce(tf.minimum)] }),
  Sum: node('Sum', [x(2, 3), y(3), z(2, 1)], {}, { torch: 'x[0] + x[1] + x[2]', tensorflow: (a, b, c) => [tf.add(tf.add(a!, b!), c!)] }),
  PRelu: node('PRelu', [x(2, 3, 4), y(3, 1)], {}, {
    torch: 'F.prelu(x[0], x[1].flatten())',
    tensorflow: (v, slope) => [tf.prelu(v!, tf.broadcastTo(slope!, [2, 3, 4]))],
    differences: { as: (graph, v, slope) => [graph.add(graph.relu(v!), graph.mul(slope!, graph.sub(v!, graph.relu(v!))))] },
  }),
  Where: node('Where', [Tensor.of('bool', [3, 1], [1, 0, 1]), x(3, 4), y(4)], {}, { torch: 'torch.where(x[0], x[1], x[2])', tensorflow: (c, a, b) => [tf.where(tf.broadcastTo(c!, [3, 4]).cast('bool'), a!, tf.broadcastTo(b!, [3, 4]))] }),

  FakeQuantize: {
    inputs: [x(3, 5)],
    hone: (graph, v) => [graph.op('FakeQuantize', [v, graph.scalar(1 / 128, v!.dtype), graph.tensor(Tensor.scalar('int8', 3))], {}, { domain: 'hone' })],
    torch: 'torch.fake_quantize_per_tensor_affine(x[0].float(), 1 / 128, 3, -128, 127)',
    tensorflow: lacking('TensorFlow.js quantizes nothing'),
    // by its definition the gradient is that of the identity within the range
    differences: { each: (v) => Math.min(124 / 128, Math.max(-131 / 128, v)) },
  },
  // weights that are rounded on the way forward: their gradient is by definition that of the identity, of the binary ones within −1 to 1
  Int8Weight: own('Int8Weight', [x(3, 5)], { axis: 0 }, {
    torch: '(lambda w, s: w + ((w / s).round() * s - w).detach())(x[0], x[0].detach().abs().amax(1, keepdim=True) / 127)',
    tensorflow: lacking('TensorFlow.js has no straight-through estimator'),
    differences: { as: (_, v) => [v!] },
  }),
  TernaryWeight: own('TernaryWeight', [x(3, 5)], { axis: 0 }, {
    torch: '(lambda w, m: w + (w.sign() * m * (w.abs() * m).sum(1, keepdim=True) / m.sum(1, keepdim=True) - w).detach())(x[0], (x[0].detach().abs() > 0.7 * x[0].detach().abs().mean(1, keepdim=True)).to(x[0].dtype))',
    tensorflow: lacking('TensorFlow.js has no straight-through estimator'),
    differences: { as: (_, v) => [v!] },
  }),
  BinaryWeight: own('BinaryWeight', [x(3, 5)], { axis: 0 }, {
    torch: '(lambda w, a: w.clamp(-1, 1) + (torch.where(w >= 0, a, -a) - w.clamp(-1, 1)).detach())(x[0], x[0].detach().abs().mean(1, keepdim=True))',
    tensorflow: lacking('TensorFlow.js has no straight-through estimator'),
    differences: { each: (v) => Math.min(1, Math.max(-1, v)) },
  }),
  DropoutTrain: {
    inputs: [x(4, 6), KEPT],
    hone: (graph, v) => graph.ops('DropoutTrain', [v, graph.scalar(3, 'float32')], { ratio: float(0.25), seed: 5, stream: 2 }, { domain: 'hone', outputs: 2 }).slice(0, 1),
    torch: 'x[0] * x[1] / 0.75',
    tensorflow: (v, kept) => [v!.mul(kept!.cast('float32')).div(0.75)],
  },
}
