import type { Builder } from '../graph/builder.ts'
import { differs, formatShape } from '../graph/dim.ts'
import type { Value } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Fault } from './loss.ts'

/** What is compared must not be repeated over the samples: broadcasting would do so. @throws Error naming both shapes. */
export function checkFirstAxis(loss: string, output: Value, target: Value): void {
  const [outputs, targets] = [output.shape![0]!, target.shape![0]!]
  const isFixed = outputs !== null && targets !== null && typeof outputs !== typeof targets
  if (isFixed || differs(outputs, targets))
    throw new Error(`${loss} needs an output for each target, and the network's is ${formatShape(output.shape)} where the target is ${formatShape(target.shape)}: the first axis of both counts the samples. Recurrent layers read them so with { batchFirst: true }.`)
}

/** @throws Error where a target has not the output's shape. */
export function checkAlike(loss: string, output: Value, target: Value): void {
  if (!output.shape || output.rank !== target.rank || output.shape.some((d, axis) => differs(d, target.shape![axis]!)))
    throw new Error(`${loss} needs a target of the output's shape ${formatShape(output.shape)}, not ${formatShape(target.shape)}. Say how labels become it: the option \`target\`.`)
  if (output.rank) checkFirstAxis(loss, output, target)
}

/** Of all elements. */
export const mean = (graph: Builder, x: Value): Value => graph.op('ReduceMean', [x], { keepdims: 0 })

/** Numbers for each class, so that they meet the second axis of a tensor of some rank. */
export const alongClasses = (graph: Builder, numbers: Tensor, rank: number, name: string): Value => graph.tensor(numbers.reshape([numbers.size, ...Array<number>(rank - 2).fill(1)]), name)

/** The first sample of which a value is bad. */
export function firstWhere(targets: Tensor, isBad: (value: number) => boolean, problem: (value: number) => string): Fault | null {
  const values = targets.toNumbers()
  const at = values.findIndex(isBad)
  return at < 0 ? null : { sample: Math.floor((at * targets.shape[0]!) / values.length), problem: problem(values[at]!) }
}

export const notFrom0To1 = (targets: Tensor, what: string): Fault | null =>
  firstWhere(targets, (value) => !(value >= 0 && value <= 1), (value) => `${value} as ${what}, which is from 0 to 1`)
