import { syncBuiltinESMExports } from 'node:module'
import workerThreads, { type WorkerOptions } from 'node:worker_threads'
import { COMPILED_FILE } from './source.ts'

/** Has workers whose file is TypeScript compile it, and what it imports, as cells are compiled. */
export function compileInWorkers(): void {
  const { Worker } = workerThreads
  class CompilingWorker extends Worker {
    constructor(file: string | URL, options?: WorkerOptions) {
      const isCompiled = options?.eval !== true && COMPILED_FILE.test(String(file))
      super(file, isCompiled ? { ...options, execArgv: [...(options?.execArgv ?? []), '--import', new URL('./in-worker.js', import.meta.url).href] } : options)
    }
  }
  Object.defineProperty(CompilingWorker, 'name', { value: 'Worker' })
  workerThreads.Worker = CompilingWorker
  syncBuiltinESMExports()
}
