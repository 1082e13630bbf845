/** The thread in which `replicas` runs a model. */
import { parentPort, workerData } from 'node:worker_threads'
import { Session, type BoundRun, type SessionOptions } from '../runtime/session.ts'
import { unpacked, type PackedTensor } from './packed.ts'

export interface Task {
  readonly model: string | Uint8Array
  readonly tensors: readonly PackedTensor[]
  readonly session: SessionOptions
}

/** That the session is there, or that a run ended. */
export interface Answer {
  readonly failure?: string
}

async function answer(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
    parentPort!.postMessage({} satisfies Answer)
  } catch (error) {
    parentPort!.postMessage({ failure: (error as Error).message } satisfies Answer)
  }
}

const { model, tensors, session } = workerData as Task
let run: BoundRun | undefined
await answer(async () => (run = await Session.create(model, session).bind(unpacked(tensors))))
parentPort!.on('message', () => void answer(() => run!()))
