import type { Value } from '../../graph/graph.ts'
import { uniform } from '../init.ts'
import type { Scope } from '../scope.ts'
import { dropout } from './combine.ts'
import { learned, requireSizes, type Layer } from './layer.ts'

export interface RecurrentOptions {
  /** Layers on top of each other (1). */
  numLayers?: number
  /** Whether biases are added (true). */
  bias?: boolean
  /** Whether x is [N, T, inputSize] rather than [T, N, inputSize] (false). */
  batchFirst?: boolean
  /** Share of every layer's outputs but the last one's that training drops (0). */
  dropout?: number
  /** Whether a second one reads backwards, whose outputs are appended (false). */
  bidirectional?: boolean
  /** What comes out: the hidden state of every time, or the last one's [N, hiddenSize] ("sequence"). */
  output?: 'sequence' | 'last'
}

/**
 * Long short-term memory: [T, N, inputSize] to [T, N, hiddenSize], from zero states. Parameters have PyTorch's names (`weight_ih_l0`), and ONNX's shapes and
 * order of gates (input, output, forget, cell): the two biases stand in one tensor. https://onnx.ai/onnx/operators/onnx__LSTM.html
 */
export function lstm(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}): Layer {
  return recurrent('LSTM', 4, {}, inputSize, hiddenSize, options)
}

/**
 * Gated recurrent unit, as PyTorch computes it (the reset gate after the product): [T, N, inputSize] to [T, N, hiddenSize]. Gates in ONNX's order (update,
 * reset, new). https://onnx.ai/onnx/operators/onnx__GRU.html
 */
export function gru(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}): Layer {
  return recurrent('GRU', 3, { linear_before_reset: 1 }, inputSize, hiddenSize, options)
}

function recurrent(type: string, gates: number, attributes: Record<string, number>, inputSize: number, hiddenSize: number, options: RecurrentOptions): Layer {
  const { numLayers = 1, bias = true, batchFirst = false, dropout: p = 0, bidirectional = false, output = 'sequence' } = options
  requireSizes(type.toLowerCase(), { inputSize, hiddenSize, numLayers })
  const directions = bidirectional ? (['forward', 'reverse'] as const) : (['forward'] as const)
  const init = uniform(1 / Math.sqrt(hiddenSize))

  /** One layer in one direction: its sequence [T, N, H] and last state [N, H]. */
  function single(scope: Scope, x: Value, inputs: number, direction: string, suffix: string): readonly [Value, Value] {
    const { builder } = scope
    const weights = [
      scope.parameter(`weight_ih_${suffix}`, [1, gates * hiddenSize, inputs], init),
      scope.parameter(`weight_hh_${suffix}`, [1, gates * hiddenSize, hiddenSize], init),
      bias ? scope.parameter(`bias_${suffix}`, [1, 2 * gates * hiddenSize], init) : null,
    ]
    const [sequence, last] = builder.ops(type, [x, ...weights], { ...attributes, hidden_size: hiddenSize, direction }, { name: scope.graph.unique(`${scope.path || type.toLowerCase()}.${suffix}`), outputs: 2 })
    return [builder.op('Squeeze', [sequence, builder.int64([1])]), builder.op('Squeeze', [last, builder.int64([0])])]
  }

  return learned((scope, x) => {
    const { builder } = scope
    let sequence = batchFirst ? builder.transpose(x, [1, 0, 2]) : x
    let last: Value = sequence
    for (let layer = 0; layer < numLayers; layer++) {
      const dropped = layer ? dropout(p)(scope.child(`dropout_l${layer - 1}`), sequence) : sequence
      const inputs = layer ? hiddenSize * directions.length : inputSize
      const results = directions.map((direction) => single(scope, dropped, inputs, direction, `l${layer}${direction === 'reverse' ? '_reverse' : ''}`))
      sequence = builder.concat(results.map(([y]) => y), 2)
      last = builder.concat(results.map(([, h]) => h), 1)
    }
    if (output === 'last') return last
    return batchFirst ? builder.transpose(sequence, [1, 0, 2]) : sequence
  })
}
