import { MessageChannel, Worker } from 'node:worker_threads'
import { readConnection, type Connection } from './connection.ts'
import { Flag, type ProtocolThreadData } from './threads.ts'

/** Starts the kernel: the protocol thread with its sockets, and on this thread the cells. The channel keeps what is said before they are ready. */
async function start(connection: Connection): Promise<void> {
  const flags = new Int32Array(new SharedArrayBuffer(4 * Object.keys(Flag).length))
  const { port1: protocol, port2: cells } = new MessageChannel()
  const workerData: ProtocolThreadData = { connection, flags, cells }
  const thread = new Worker(new URL('./server.js', import.meta.url), { workerData, transferList: [cells] })
  thread.on('error', (error) => fail(error))
  const { runCells } = await import('./executor.ts')
  runCells(protocol, flags)
}

function fail(error: Error): never {
  process.stderr.write(`hone kernel: ${error.message}\n`)
  process.exit(1)
}

const path = process.argv[2]
if (path === undefined) fail(new Error('usage: main.js CONNECTION_FILE. Jupyter starts it so; "hone install" registers it there.'))
try {
  await start(readConnection(path))
} catch (error) {
  fail(error as Error)
}
