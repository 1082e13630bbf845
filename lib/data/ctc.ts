import type { Tensor } from '../graph/tensor.ts'

/**
 * The likeliest class of each time step, with repeats collapsed and blanks dropped: greedy decoding of connectionist temporal classification
 * (Graves et al. 2006, section 3.2, "best path"). `logits` is [N, classes, T]; the answer has the classes that each of the N sequences reads.
 * @throws RangeError where the logits have another rank, or `blank` is not one of the classes.
 */
export function greedyDecode(logits: Tensor, blank: number): number[][] {
  if (logits.shape.length !== 3) throw new RangeError(`CTC decodes logits of shape [N, classes, T], not [${logits.shape}]`)
  const [count, classes, steps] = logits.shape
  if (!(blank >= 0 && blank < classes)) throw new RangeError(`CTC's blank is one of the ${classes} classes, not ${blank}`)
  const scores = logits.toFloat32()
  return Array.from({ length: count }, (_, n) => {
    const sequence = scores.subarray(n * classes * steps, (n + 1) * classes * steps)
    const path = Array.from({ length: steps }, (_, t) => likeliest(sequence, classes, steps, t))
    return path.filter((label, t) => label !== blank && label !== path[t - 1])
  })
}

function likeliest(sequence: Float32Array, classes: number, steps: number, t: number): number {
  let best = 0
  for (let c = 1; c < classes; c++) if (sequence[c * steps + t] > sequence[best * steps + t]) best = c
  return best
}
