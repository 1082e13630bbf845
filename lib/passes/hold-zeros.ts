import { Builder } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { nonzeros } from '../measure/size.ts'
import { pass, type Pass } from './pass.ts'
import { chosenLayers, weightIndex, type Selection } from './weight.ts'

/**
 * Keeps what pruning set to zero at zero while the network is trained on: multiplies each weight that has zeros by a fixed mask, through which their
 * gradients vanish, too. `foldConstants` merges weight and mask afterwards.
 */
export function holdZeros(selection: Selection = {}): Pass {
  return pass('hold-zeros', selection, (graph, report) => {
    const layers = graph.nodes().filter((node) => weightIndex(node) !== null)
    for (const layer of chosenLayers('hold-zeros', layers, selection)) {
      const index = weightIndex(layer)!
      const weight = layer.input(index)
      const tensor = weight.initializer
      const zeros = tensor ? tensor.size - nonzeros(tensor) : 0
      if (!tensor || !zeros) {
        report.refuse(layer, tensor ? 'its weight has no zeros' : `its weight "${weight}" is not stored`)
        continue
      }
      const mask = Tensor.of(tensor.dtype, tensor.shape, tensor.toNumbers().map((w) => (w ? 1 : 0)))
      layer.setInput(index, new Builder(graph).mul(weight, graph.constant(mask, `${weight}.mask`)))
      report.change(layer, `${zeros.toLocaleString('en-US')} of ${tensor.size.toLocaleString('en-US')} weights held at zero`)
    }
  })
}
