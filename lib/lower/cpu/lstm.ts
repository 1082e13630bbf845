import type { Builder } from '../../graph/builder.ts'
import { isStatic } from '../../graph/dim.ts'
import type { Node, Value } from '../../graph/graph.ts'
import { backThroughCell, SLOPES, throughCell } from '../../graph/ops/lstm.ts'
import { before, directionOf, only, scan, type Direction } from '../../graph/ops/recurrent.ts'
import { Tensor } from '../../graph/tensor.ts'
import { FEATURES, type Layout } from './layout.ts'
import type { Recipe } from './lowering.ts'

/** Input, output, forget, cell. */
const GATES = 4

/**
 * The LSTM in training with features as rows and samples as columns: the runtime lays the right factor of a product out anew at every step, and that is now the
 * small state instead of the large weight. One product a step takes input and state together.
 */
export const lstmTrain: Recipe = {
  layouts: isKnown,
  lower(node, lowering) {
    const { builder } = lowering
    const [x, w, r, b, h, c] = node.inputs.map((value, i) => value && lowering.read(value, i ? undefined : FEATURES)) as [Value, Value, Value, ...(Value | null | undefined)[]]
    const [hidden, batch] = [node.int('hidden_size'), Number(x.shape![2])]
    const weight = builder.concat([only(builder, w), only(builder, r)], 1)
    const bias = b && builder.reduceSum(builder.reshape(b, [2, GATES * hidden, 1]), [0])
    const begin = [h, c].map((state) => featureRows(builder, state, hidden, batch))
    const [lastH, lastC, y, ...slopes] = scan(builder, directionOf(node), begin, [x], (inner, [last, cell], [input]) => {
      const product = inner.matmul(weight, inner.concat([input!, last!], 0))
      const { state, next, slopes: found } = throughCell(inner, bias ? inner.add(product, bias) : product, cell!, { hidden, axis: 0 })
      return { states: [state, next], results: [state, ...found] }
    })
    const [states, ...lasts] = [y!, lastH!, lastC!].map((value) => builder.transpose(value)) as [Value, Value, Value]
    lowering.write(node.outputs[0]!, builder.unsqueeze(states, [1]))
    lasts.forEach((value, i) => lowering.write(node.outputs[i + 1]!, builder.unsqueeze(value, [0])))
    slopes.forEach((value, i) => lowering.write(node.outputs[3 + i]!, value, FEATURES))
  },
}

/** Its gradients, back through time in the same form. */
export const lstmTrainGrad: Recipe = {
  layouts: isKnown,
  lower(node, lowering) {
    const { builder } = lowering
    const isSlope = (i: number) => i >= 4 && i < 4 + SLOPES
    const [x, w, r, y, ...rest] = node.inputs.map((value, i) => value && lowering.read(value, isSlope(i) ? FEATURES : undefined)) as [Value, Value, Value, Value, ...(Value | null | undefined)[]]
    const [slopes, [h, dy, dh, dc]] = [rest.slice(0, SLOPES) as Value[], rest.slice(SLOPES)]
    const [times, batch, inputs] = x.shape as readonly [number, number, number]
    const hidden = node.int('hidden_size')
    const rows = times * batch
    const direction = directionOf(node)
    const [lastDh, lastDc] = [dh, dc].map((state) => featureRows(builder, state, hidden, batch))
    const turned = builder.transpose(builder.reshape(r, [GATES * hidden, hidden]))
    const sequences = [...slopes, ...(dy ? [builder.transpose(builder.reshape(dy, [times, batch, hidden]))] : [])]
    const [dh0, dc0, d] = scan(builder, (1 - direction) as Direction, [lastDh!, lastDc!], sequences, (inner, [fromLater, dLater], moment) => {
      const fromAbove = moment[SLOPES]
      const { error, dBefore } = backThroughCell(inner, moment, fromAbove ? inner.add(fromLater!, fromAbove) : fromLater!, dLater!, 0)
      return { states: [inner.matmul(turned, error), dBefore], results: [error] }
    })

    const whole = builder.reshape(builder.transpose(d!, [1, 0, 2]), [GATES * hidden, rows])
    const states = before(builder, builder.reshape(y, [times, batch, hidden]), batchRows(builder, h, batch, hidden), direction)
    const weight = (of: Value, features: number) => builder.unsqueeze(builder.matmul(whole, builder.reshape(of, [rows, features])), [0])
    const bias = builder.reshape(builder.reduceSum(whole, [1]), [1, -1])
    const dx = builder.matmul(builder.transpose(builder.reshape(w, [GATES * hidden, inputs])), d!)
    const results = [builder.transpose(dx), weight(x, inputs), weight(states, hidden), builder.concat([bias, bias], 1), ...[dh0!, dc0!].map((value) => builder.unsqueeze(builder.transpose(value), [0]))]
    results.forEach((value, i) => lowering.write(node.outputs[i]!, value))
  },
}

/** Float32 numbers of known sizes: what depends on nothing that only the run shows. */
function isKnown(node: Node): ReadonlyMap<Value, Layout> | null {
  return node.inputs.every((value) => !value || (isStatic(value.shape) && value.dtype === 'float32')) ? new Map() : null
}

/** A state [1, N, H] as [H, N]; zeros where it is absent. */
function featureRows(builder: Builder, state: Value | null | undefined, hidden: number, batch: number): Value {
  return state ? builder.transpose(builder.reshape(state, [batch, hidden])) : builder.tensor(Tensor.zeros('float32', [hidden, batch]))
}

/** A state [1, N, H] as [N, H]; zeros where it is absent. */
function batchRows(builder: Builder, state: Value | null | undefined, batch: number, hidden: number): Value {
  return state ? builder.reshape(state, [batch, hidden]) : builder.tensor(Tensor.zeros('float32', [batch, hidden]))
}
