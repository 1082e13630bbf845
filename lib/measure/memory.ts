import { fork } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unlessInterrupted } from '../interrupt.ts'
import type { Tensors } from '../runtime/boundary.ts'
import { loadable, nameOf, type ModelSource } from '../runtime/model.ts'
import { resolveDevice } from '../runtime/devices.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { watchGpuMemory } from './gpu-memory.ts'
import type { Answer, HostMemory, Task } from './memory-process.ts'
import { MemoryProfile } from './memory-profile.ts'
import { packed } from './packed.ts'

export interface MemoryOptions extends Omit<SessionOptions, 'profile'> {
  /** Runs (3): ONNX Runtime plans its memory in the first, and keeps to the plan from then on. */
  readonly runs?: number
}

/**
 * What memory a model takes while it runs, in a process of its own: operator by operator from ONNX Runtime's own figures, and the process as the system
 * sees it. Inference and training graphs alike.
 * @throws Error where the model does not load or run, or where the process dies (out of memory), saying how far it came.
 */
export async function memory(model: ModelSource, feeds: Tensors, options: MemoryOptions = {}): Promise<MemoryProfile> {
  const { runs = 3, ...session } = options
  if (!(Number.isInteger(runs) && runs > 0)) throw new RangeError(`a memory profile takes 1 run or more, not ${runs}`)
  const device = await resolveDevice(session.device ?? 'auto')
  const folder = await mkdtemp(join(tmpdir(), 'hone-memory-'))
  try {
    const tensors = packed(feeds)
    const { stages, gpu } = await inProcess(nameOf(model), { model: loadable(model), tensors, session: { ...session, device, profile: join(folder, 'trace') }, runs })
    const [file] = await readdir(folder)
    const fed = tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
    return new MemoryProfile(JSON.parse(await readFile(join(folder, file), 'utf8')), stages, gpu, fed)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What the process calls a model that reached it as bytes. */
const BYTES = /^the model(?=:)/

async function inProcess(name: string, task: Task): Promise<{ stages: readonly HostMemory[]; gpu: number | null }> {
  const child = fork(fileURLToPath(new URL('./memory-process.js', import.meta.url)), { serialization: 'advanced', execArgv: [], silent: true, env: { ...process.env, NODE_OPTIONS: '' } })
  const gpu = task.session.device === 'cpu' ? null : watchGpuMemory(child.pid!)
  const stages: HostMemory[] = []
  try {
    await unlessInterrupted(new Promise<void>((resolve, reject) => {
      child.on('message', (answer: Answer) => {
        if ('failure' in answer) reject(new Error(answer.failure.replace(BYTES, name)))
        else stages.push(answer)
      })
      child.once('error', reject)
      child.once('close', (code, signal) => (code === 0 ? resolve() : reject(new Error(`${name}: the process that ran it ended (${signal ?? `exit code ${code}`}) after the stage "${stages.at(-1)?.stage ?? 'none'}": it may have run out of memory`))))
      child.send(task)
    }))
    return { stages, gpu: gpu && (await gpu.end()) }
  } finally {
    await gpu?.end()
    child.kill()
  }
}
