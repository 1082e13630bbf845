import { parentPort, workerData } from 'node:worker_threads'
import { assemble, type Recipe } from './assemble.ts'
import type { Answer, Request } from './threads.ts'

/** A worker thread of a data loader: makes the batches that it is asked for, one after the other. */
const recipe = workerData as Recipe

parentPort!.on('message', ({ id, buffers, ...order }: Request) => {
  try {
    const batch = assemble(recipe, order, buffers)
    const answer: Answer = { id, batch }
    parentPort!.postMessage(answer, Object.values(batch.inputs).map(({ bytes }) => bytes.buffer as ArrayBuffer))
  } catch (error) {
    const answer: Answer = { id, error: (error as Error).message }
    parentPort!.postMessage(answer, [])
  }
})
