import { Builder } from '../graph/builder.ts'
import { HONE } from '../graph/operator.ts'
import { channelAxis } from './int8-layers.ts'
import { pass, type Pass } from './pass.ts'
import { chosenLayers, hasWeight, weightIndex, type Selection } from './weight.ts'

/**
 * Ternary weights α·{−1, 0, 1}, a scale for each output channel: while the network is trained on, a copy in full precision learns. The first and the last layer
 * suffer most: `exclude` them. `foldConstants` then `packWeights` store the result in 2 bits a weight. Li et al. 2016, https://arxiv.org/abs/1605.04711
 */
export function ternarize(selection: Selection = {}): Pass {
  return lowBit('ternarize', 'TernaryWeight', '-1, 0 and 1', selection)
}

/**
 * Binary weights α·{−1, 1}, a scale for each output channel: while the network is trained on, a copy in full precision learns. The first and the last layer suffer
 * most: `exclude` them. `foldConstants` then `packWeights` store the result in 1 bit a weight. Rastegari et al. 2016, https://arxiv.org/abs/1603.05279
 */
export function binarize(selection: Selection = {}): Pass {
  return lowBit('binarize', 'BinaryWeight', '-1 and 1', selection)
}

function lowBit(name: string, operator: string, levels: string, selection: Selection): Pass {
  return pass(name, selection, (graph, report) => {
    const builder = new Builder(graph)
    for (const layer of chosenLayers(name, graph, hasWeight, selection, report)) {
      const index = weightIndex(layer)!
      const weight = layer.input(index)
      if (!weight.initializer || weight.dtype !== 'float32') {
        report.refuse(layer, `its weight "${weight}" is not stored in float32`)
        continue
      }
      const axis = layer.type === 'MatMul' && index === 0 ? 0 : channelAxis(layer)
      layer.setInput(index, builder.op(operator, [weight], { axis }, { domain: HONE, name: graph.unique(`${weight}.low_bit`) }))
      report.change(layer, `its weights are ${levels}, times a scale for each output channel`)
    }
  })
}
