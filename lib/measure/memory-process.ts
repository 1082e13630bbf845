/** The process in which `memory` runs a model. */
import { Session, type SessionOptions } from '../runtime/session.ts'
import { unpacked, type PackedTensor } from './packed.ts'

/** What to run. */
export interface Task {
  readonly model: string | Uint8Array
  readonly tensors: readonly PackedTensor[]
  readonly session: SessionOptions
  readonly runs: number
}

/** The process's memory in bytes, as the system and V8 count it. */
export interface HostMemory {
  readonly stage: 'started' | 'model loaded' | 'first run' | 'all runs'
  /** Resident now. */
  readonly rss: number
  /** Resident at most until now. */
  readonly highest: number
  readonly heapUsed: number
  /** Held by native objects of JavaScript, tensors among them. */
  readonly external: number
}

export type Answer = HostMemory | { readonly failure: string }

function tell(stage: HostMemory['stage']): void {
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send!({ stage, rss, highest: process.resourceUsage().maxRSS * 1024, heapUsed, external } satisfies Answer)
}

async function run({ model, tensors, session: options, runs }: Task): Promise<void> {
  await import('onnxruntime-node')
  const feeds = unpacked(tensors)
  tell('started')
  const session = await Session.create(model, options)
  tell('model loaded')
  const once = session.bind(feeds)
  await once()
  tell('first run')
  for (let i = 1; i < runs; i++) await once()
  tell('all runs')
  session.endProfile()
  await session.release()
}

process.once('message', (task: Task) => {
  run(task).then(
    () => process.disconnect(),
    (error: Error) => process.send!({ failure: error.message } satisfies Answer, () => process.exit(1)),
  )
})
