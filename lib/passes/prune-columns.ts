import { isFloat, Tensor } from '../graph/tensor.ts'
import { eachRow } from './affine.ts'
import { matricesOf } from './columns.ts'
import { marginals } from './criterion.ts'
import { replaceConstant } from './constant.ts'
import { pass, type Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { chosenLayers } from './weight.ts'
import { checkAmount, smallest } from './zeroing.ts'

/**
 * L2 structured pruning, matrix by matrix: sets the columns of smallest Euclidean norm to zero, in each convolution, product, recurrent layer and embedding,
 * as many and the same as torch.nn.utils.prune.ln_structured(n=2, dim=1) does. Shapes and biases stay: `holdZeros` keeps the columns at zero in training,
 * `pruneChannels` really removes what they stand for.
 * @throws RangeError where `amount` is not a share; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneColumns({ amount, ...selection }: PruneOptions): Pass {
  checkAmount('pruneColumns', amount)
  return pass('prune-columns', { amount, ...selection }, (graph, report) => {
    const layers = graph.nodes().filter((node) => matricesOf(node).length > 0)
    for (const layer of chosenLayers('prune-columns', layers, selection))
      for (const { index, axis } of matricesOf(layer)) {
        const weight = layer.input(index)
        const tensor = weight.constant
        if (!tensor || !isFloat(tensor.dtype)) {
          report.refuse(layer, `its weight "${weight}" is not stored as floating-point numbers`)
          continue
        }
        const norms = marginals(tensor, axis, (x) => x * x)
        const [zeros] = smallest([Float32Array.from(norms)], roundHalfToEven(amount * norms.length))
        replaceConstant(layer, index, withoutColumns(tensor, axis, zeros), weight.name)
        report.change(layer, `${zeros.length - zeros.filter(Boolean).length} of ${zeros.length} columns of "${weight}" stay`)
      }
  })
}

/** The tensor with some entries of an axis zero. */
function withoutColumns(tensor: Tensor, axis: number, zeros: Uint8Array): Tensor {
  const data = tensor.data.slice() as Float32Array
  eachRow(tensor.shape, axis, (column, from, to) => {
    if (zeros[column]) for (let i = from; i < to; i++) data[i] = 0
  })
  return Tensor.of(tensor.dtype, tensor.shape, data)
}
