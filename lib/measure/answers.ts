import type { Batch, Dataset } from '../data/dataset.ts'
import type { Tensor } from '../graph/tensor.ts'
import { filledUp, fixedBatch, samplesOf } from '../runtime/samples.ts'
import type { Session } from '../runtime/session.ts'

/** What a model answers to some samples. */
export interface Answers<Label> extends Pick<Batch<Label>, 'labels'> {
  /** Its first output: the first axis counts the samples, where the model has it so. */
  readonly output: Tensor
}

/**
 * A model's answers to all samples of a data set, in order, `batch` at a time. The last batch holds what is left; where the model takes no other number of samples, it is
 * filled up with the last one, and what is answered to these is left out.
 * @throws Error where that cannot be left out, because the output's first axis does not count the samples.
 */
export async function* answers<Label>(session: Session, dataset: Dataset<Label>, batch: number): AsyncGenerator<Answers<Label>, void> {
  for (const { inputs, labels } of dataset.batches(batch)) {
    const isFull = labels.length === batch || fixedBatch(session) === null
    const output = (await session.run(isFull ? inputs : filledUp(inputs, batch)))[session.outputs[0]!.name]!
    if (!isFull && output.shape[0] !== batch) throw new Error(`${session.name} answers ${batch} samples with [${output.shape}], and ${labels.length} of them are left. Take a multiple of ${batch} of ${dataset.name}.`)
    yield { output: isFull ? output : samplesOf(output, labels.length), labels }
  }
}
