import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gradientErrors, scattered, type OperatorCase } from '../run.ts'

test('layer norm, transposed and depthwise convolutions, smooth activations: gradients equal central differences', async () => {
  const image = scattered('float64', [2, 4, 3, 3])
  const cases: OperatorCase[] = [
    { type: 'LayerNormalization', inputs: [image, scattered('float64', [3, 3], 2), scattered('float64', [3, 3], 3)], attributes: { axis: -2 } },
    { type: 'LayerNormalization', inputs: [image, scattered('float64', [3], 2)], attributes: { axis: -1 } },
    { type: 'ConvTranspose', inputs: [scattered('float32', [2, 4, 3, 3]), scattered('float32', [4, 2, 3, 3], 2), scattered('float32', [4], 3)], attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1], group: 2 } },
    { type: 'Conv', inputs: [scattered('float32', [2, 3, 5, 5]), scattered('float32', [6, 1, 3, 3], 2)], attributes: { strides: [2, 1], pads: [1, 0, 1, 2], dilations: [1, 2], group: 3 } },
    ...['Elu', 'HardSwish', 'HardSigmoid'].map((type) => ({ type, inputs: [scattered('float32', [4, 6])] })),
    ...['none', 'tanh'].map((approximate) => ({ type: 'Gelu', inputs: [scattered('float32', [4, 6])], attributes: { approximate } })),
  ]
  for (const operator of cases) {
    const exact = operator.inputs[0]!.dtype === 'float64'
    const errors = await gradientErrors(operator, exact ? 1e-5 : 1e-2)
    errors.forEach((error, i) => assert.ok(error < (exact ? 1e-6 : 2e-3), `${operator.type}, input ${i}: ${error}`))
  }
})
