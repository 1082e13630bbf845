import { StringDecoder } from 'node:string_decoder'
import type { StreamName } from './threads.ts'

/** Characters that one cell may write to its streams. More would burden every notebook that holds it. */
const LIMIT = 10_000_000
/** What a write costs beside its characters, so that many tiny writes are bounded too. */
const COST_OF_WRITE = 32

type WriteCallback = (error?: Error | null) => void

/** Sends what this thread writes to stdout and stderr to `send`, at once. */
export function captureStreams(send: (name: StreamName, text: string) => void): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const decoder = new StringDecoder()
    const write = (chunk: string | Uint8Array, encoding?: BufferEncoding | WriteCallback, callback?: WriteCallback): boolean => {
      const text = typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      if (text !== '') send(name, text)
      const done = typeof encoding === 'function' ? encoding : callback
      if (done !== undefined) process.nextTick(done)
      return true
    }
    process[name].write = write as typeof process.stdout.write
  }
}

/** What of a text may still be sent for a cell; counts it. Past the limit one note is sent, then nothing. */
export function withinLimit(cell: { written: number }, name: StreamName, text: string): string {
  const left = LIMIT - cell.written
  if (left <= 0) return ''
  cell.written += text.length + COST_OF_WRITE
  if (text.length + COST_OF_WRITE < left) return text
  return `${text.slice(0, left)}\n[${name} ends here: the cell wrote more than ${LIMIT / 1e6} MB, or some 300,000 times. Write large output to a file.]\n`
}
