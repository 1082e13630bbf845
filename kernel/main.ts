import { writeSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { MessageChannel, Worker } from 'node:worker_threads'
import { kernelEnvironment } from './command.ts'
import { readConnection, type Connection } from './connection.ts'
import { Flag, type ProtocolThreadData } from './threads.ts'

/** Cells may not use it (globals.ts). */
const exit = process.exit.bind(process)

/**
 * Starts the kernel: the protocol thread with its sockets, and on this thread the cells. The channel keeps what is said before
 * they are ready, and an interrupt that comes then waits as it does for other modules that are being loaded.
 */
async function start(connection: Connection): Promise<void> {
  // what cells start has the environment of the person
  if (process.env.GLIBC_TUNABLES === kernelEnvironment.GLIBC_TUNABLES) delete process.env.GLIBC_TUNABLES
  const flags = new Int32Array(new SharedArrayBuffer(4 * Object.keys(Flag).length))
  Atomics.store(flags, Flag.loading, 1)
  const { port1: protocol, port2: cells } = new MessageChannel()
  const { port1: answers, port2: answering } = new MessageChannel()
  const workerData: ProtocolThreadData = { connection, flags, cells, answers: answering, heapLimit: getHeapStatistics().heap_size_limit }
  const thread = new Worker(new URL('./server.js', import.meta.url), { workerData, transferList: [cells, answering] })
  thread.on('error', (error) => fail(error))
  const { runCells } = await import('./executor.ts')
  runCells(protocol, answers, flags)
  Atomics.sub(flags, Flag.loading, 1)
}

function fail(error: Error): void {
  writeSync(2, `hone kernel: ${error.message}\n`)
  exit(1)
}

try {
  const [, , path] = process.argv
  if (path === undefined) throw new Error('usage: main.js CONNECTION_FILE. Jupyter starts it so; "hone install" registers it there.')
  await start(readConnection(path))
} catch (error) {
  fail(error as Error)
}
