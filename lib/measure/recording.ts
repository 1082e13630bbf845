import { Session } from 'node:inspector'
import { cellSignal } from '../interrupt.ts'

/** The script whose calls a recording holds and nobody asked for. */
export const RECORDING = import.meta.url

/**
 * Runs work while V8 records it: `start` begins the recording, `stop` ends it and reads it. An interrupt of the notebook cell ends it too,
 * for what is terminated never comes to its own end.
 */
export async function recorded<Result>(work: () => unknown, start: (session: Session) => void, stop: (session: Session) => Result): Promise<Result> {
  const session = new Session()
  session.connect()
  const disconnect = () => session.disconnect()
  const signal = cellSignal()
  signal?.addEventListener('abort', disconnect)
  try {
    start(session)
    await work()
    return stop(session)
  } finally {
    signal?.removeEventListener('abort', disconnect)
    disconnect()
  }
}
