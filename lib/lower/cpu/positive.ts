import type { Node } from '../../graph/graph.ts'
import type { Recipe } from './lowering.ts'

/** So steep that every normal float32 above 0 is taken to 1. */
const STEEP = 3e38

/** 1 where x > 0, else 0, as relu's gradient needs it: a HardSigmoid, min(1, max(0, αx)), is one operator and faster than a comparison and a conversion. */
export const positive: Recipe = {
  layouts: (node) => (isPositive(node) ? new Map() : null),
  lower(node, lowering) {
    const x = lowering.read(node.input(0).producer!.input(0), lowering.home(node.output))
    lowering.write(node.output, lowering.builder.op('HardSigmoid', [x], { alpha: { type: 'float', value: STEEP }, beta: { type: 'float', value: 0 } }))
  },
}

/** Whether a Cast makes numbers of x > 0. */
function isPositive(cast: Node): boolean {
  const greater = cast.input(0).producer
  if (greater?.type !== 'Greater' || cast.output.dtype !== 'float32') return false
  const [x, limit] = [greater.input(0), greater.input(1).constant]
  return x.dtype === 'float32' && limit?.size === 1 && limit.toNumbers()[0] === 0 && String(x.shape) === String(cast.output.shape)
}
