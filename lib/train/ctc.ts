import { formatShape } from '../graph/dim.ts'
import { HONE } from '../graph/operator.ts'
import type { Tensor } from '../graph/tensor.ts'
import { requireWhole } from '../require.ts'
import { called } from './called.ts'
import { checkFirstAxis } from './compare.ts'
import type { Fault, Loss } from './loss.ts'

/**
 * Connectionist temporal classification of logits [N, C, T] against labels [N, L] (int64, padded with −1): each plate's loss divided by its label's length (1 for an
 * empty one), then the mean over the batch, as PyTorch's CTCLoss reduces it. `blank` is the class that stands for nothing.
 * @throws RangeError where `blank` is no class.
 */
export function ctc({ blank }: { blank: number }): Loss {
  requireWhole('ctc: blank', blank, 0)
  const loss: Loss = (graph, logits, labels) => {
    const classes = logits.shape?.[1]
    if (typeof classes !== 'number' || logits.rank !== 3) throw new Error(`ctc needs logits [N, C, T] with C known, and the network's output is ${formatShape(logits.shape)}`)
    if (labels.rank !== 2 || labels.dtype !== 'int64') throw new Error(`ctc takes labels int64[N, L], padded with -1, and the target is ${labels.dtype}${formatShape(labels.shape)}`)
    checkFirstAxis('ctc', logits, labels)
    if (blank >= classes) throw new RangeError(`ctc: blank is ${blank}, and the output has ${classes} classes, 0 to ${classes - 1}`)
    const losses = graph.op('CtcLoss', [graph.transpose(logits, [0, 2, 1]), labels], { blank }, { domain: HONE })
    const lengths = graph.reduceSum(graph.cast(graph.op('GreaterOrEqual', [labels, graph.scalar(0, labels.dtype)]), losses.dtype), [1])
    return graph.reduceMean(graph.div(losses, graph.op('Max', [lengths, graph.scalar(1, losses.dtype)])), [0])
  }
  const fault: Loss['fault'] = (targets, [, classes, times]) => sequenceFault(targets, Number(classes), Number(times), blank)
  return called(`ctc({ blank: ${blank} })`, loss, { fault })
}

function sequenceFault(targets: Tensor, classes: number, times: number, blank: number): Fault | null {
  const values = targets.toNumbers()
  const [count, width] = targets.shape as readonly [number, number]
  for (let sample = 0; sample < count; sample++) {
    const row = values.slice(sample * width, (sample + 1) * width)
    const label = row.slice(0, row.findLastIndex((value) => value >= 0) + 1)
    const bad = label.find((value) => !(value >= 0 && value < classes) || value === blank)
    if (bad !== undefined) return { sample, problem: `${bad} in its label, where the classes are 0 to ${classes - 1} without the blank ${blank}, and -1 stands behind them only` }
    const needed = label.length + label.filter((value, i) => value === label[i - 1]).length
    if (needed > times) return { sample, problem: `a label of ${label.length} that takes ${needed} times (a blank stands between equal ones), and the output has ${times}` }
  }
  return null
}
