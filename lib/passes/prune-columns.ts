import { isFloat, sizeOf, Tensor } from '../graph/tensor.ts'
import { matricesOf } from './columns.ts'
import { marginals } from './criterion.ts'
import { replaceConstant } from './constant.ts'
import { pass, type Pass } from './pass.ts'
import type { PruneOptions } from './prune-l1.ts'
import { roundHalfToEven } from './rounding.ts'
import { selected } from './weight.ts'
import { checkAmount, maskOfSmallest } from './zeroing.ts'

/**
 * L2 structured pruning, matrix by matrix: sets the columns of smallest Euclidean norm to zero, in each convolution, product, recurrent layer and embedding,
 * as many and the same as torch.nn.utils.prune.ln_structured(n=2, dim=1) does. Shapes and biases stay: `holdZeros` keeps the columns at zero in training,
 * `pruneChannels` really removes what they stand for.
 * @throws RangeError where `amount` is not a share; the pass throws where `include` or `exclude` names no layer.
 */
export function pruneColumns({ amount, ...selection }: PruneOptions): Pass {
  checkAmount('pruneColumns', amount)
  return pass('prune-columns', { amount, ...selection }, (graph, report) => {
    const layers = graph.allNodes().filter((node) => matricesOf(node).length > 0)
    for (const layer of selected('prune-columns', layers, selection))
      for (const { index, axis } of matricesOf(layer)) {
        const weight = layer.input(index)
        const tensor = weight.constant
        if (!tensor || !isFloat(tensor.dtype)) {
          report.refuse(layer, `its weight "${weight}" is not stored as floating-point numbers`)
          continue
        }
        const norms = marginals(tensor, axis, 2)
        const stay = maskOfSmallest(norms, roundHalfToEven(amount * norms.length))
        const gone = Array.from(stay.keys()).filter((column) => !stay[column])
        if (gone.length === norms.length) {
          report.refuse(layer, `nothing of "${weight}" would be left: prune less of it`)
          continue
        }
        replaceConstant(layer, index, withoutColumns(tensor, axis, gone), weight.name)
        report.change(layer, `${norms.length - gone.length} of ${norms.length} columns of "${weight}" stay`)
      }
  })
}

/** The tensor with some entries of an axis zero. */
function withoutColumns(tensor: Tensor, axis: number, gone: readonly number[]): Tensor {
  const data = tensor.data.slice() as Float32Array
  const inner = sizeOf(tensor.shape.slice(axis + 1))
  for (let from = 0; from < data.length; from += tensor.shape[axis] * inner)
    for (const column of gone) for (let i = from + column * inner; i < from + (column + 1) * inner; i++) data[i] = 0
  return Tensor.of(tensor.dtype, tensor.shape, data)
}
