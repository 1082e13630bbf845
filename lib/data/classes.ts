import { Tensor } from '../graph/tensor.ts'
import { told } from '../require.ts'

/** Whether the likeliest class of each row of logits [N, classes] is the label's. */
export function correctClass(output: Tensor, labels: readonly number[]): boolean[] {
  const scores = output.toFloat32()
  const classes = scores.length / labels.length
  return labels.map((label, n) => {
    const row = scores.subarray(n * classes, (n + 1) * classes)
    return row.every((score, c) => c === label || score < row[label] || (score === row[label] && c > label))
  })
}

/** Whether each logit, [N] or [N, 1], is on the side of its label: above 0 for the label 1, at most 0 for the label 0; NaN is on neither. */
export function correctSide(output: Tensor, labels: readonly number[]): boolean[] {
  const logits = output.toFloat32()
  return labels.map((label, n) => (label === 1 ? logits[n] > 0 : logits[n] <= 0))
}

/** Labels that count classes as a loss takes them: int64 [N]. @throws TypeError where a label is not a whole number from 0 on. */
export function classTargets(labels: readonly unknown[]): Tensor {
  const bad = labels.find((label) => !(Number.isInteger(label) && (label as number) >= 0))
  if (bad !== undefined) throw new TypeError(`a label that counts classes is a whole number from 0 on, not ${told(bad)}: give fit() a target`)
  return Tensor.int64(labels as readonly number[])
}

/**
 * Blended labels (mixup) as shares of the classes: float32 [N, classes], for a cross entropy with soft targets.
 * @throws RangeError naming a label that is no class.
 */
export function softTargets(batch: { readonly labels: readonly number[]; readonly mixed?: { readonly labels: readonly number[]; readonly shares: readonly number[] } }, classes: number): Tensor {
  const { labels, mixed = { labels, shares: labels.map(() => 1) } } = batch
  const shares = new Float32Array(labels.length * classes)
  const add = (n: number, label: number, share: number) => {
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) throw new RangeError(`label ${label} is none of ${classes} classes`)
    shares[n * classes + label] += share
  }
  labels.forEach((label, n) => {
    add(n, label, mixed.shares[n])
    add(n, mixed.labels[n], 1 - mixed.shares[n])
  })
  return Tensor.float32([labels.length, classes], shares)
}
