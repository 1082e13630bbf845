import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheFolder, obtain, type OfficialFile } from '../../../lib/data/official.ts'
import { dataOf, useNothing, useVariable } from './folder.ts'

const content = randomBytes(300_000)
const file: OfficialFile = {
  folder: 'noise', name: 'noise.bin', url: 'http://127.0.0.1:1/never', bytes: content.length,
  checksum: { sha256: createHash('sha256').update(content).digest('hex') },
}

interface Served {
  /** Where each request began to read. */
  readonly starts: number[]
  /** What the test changes while it runs. */
  behaviour: (from: number, response: ServerResponse) => unknown
}

/** A server of the file that understands ranges; the cache is empty. */
async function serve(t: TestContext): Promise<Served> {
  useNothing(t)
  const served: Served = { starts: [], behaviour: (from, response) => response.end(content.subarray(from)) }
  const server = createServer((request: IncomingMessage, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    served.starts.push(from)
    assert.equal(request.url, '/noise/noise.bin')
    response.writeHead(from ? 206 : 200, { 'content-length': content.length - from })
    served.behaviour(from, response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  useVariable(t, 'HONE_DATA_MIRROR', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return served
}

/** Sends the bytes up to `until`, and waits until they are written there. */
async function send(response: ServerResponse, from: number, until: number): Promise<void> {
  const part = join(cacheFolder('noise'), 'noise.bin.part')
  response.write(content.subarray(from, until))
  while (!response.destroyed && (statSync(part, { throwIfNoEntry: false })?.size ?? 0) < until) await sleep(5)
}

/** Sends some bytes and breaks the connection, unless they are the last. */
const breaking = (bytes: number) => async (from: number, response: ServerResponse) => {
  if (from + bytes >= content.length) return void response.end(content.subarray(from))
  await send(response, from, from + bytes)
  response.destroy()
}

test('a file arrives once, in the cache, and is found there the next time', async (t) => {
  const served = await serve(t)
  const path = await obtain(file)
  assert.equal(path, join(cacheFolder('noise'), 'noise.bin'))
  assert.ok(readFileSync(path).equals(content))
  assert.equal(await obtain(file), path)
  assert.deepEqual(served.starts, [0])
  assert.deepEqual(readdirSync(dirname(path)), ['noise.bin'], 'no other file is left')
})

test('two who want the same file share one download', async (t) => {
  const served = await serve(t)
  const [a, b] = await Promise.all([obtain(file), obtain(file)])
  assert.equal(a, b)
  assert.deepEqual(served.starts, [0])
})

test('a connection that breaks is taken up where it broke', async (t) => {
  const served = await serve(t)
  served.behaviour = breaking(90_000)
  const path = await obtain(file)
  assert.ok(readFileSync(path).equals(content))
  assert.ok(served.starts.length >= 4)
  assert.deepEqual(served.starts, [...new Set(served.starts)].sort((a, b) => a - b), 'no byte is fetched from the start again')
})

test('a network that stays away is said in one sentence, and the next run goes on from there', async (t) => {
  const served = await serve(t)
  let requests = 0
  served.behaviour = (from, response) => (requests++ === 0 ? breaking(123_456)(from, response) : response.destroy())
  await assert.rejects(obtain(file), /^DownloadError|^Error: noise\.bin: 123,456 of 300,000 bytes arrived \(.+\)\. Run again to go on from there, or put the file into HONE_DATA\/noise\.$/)
  assert.equal(existsSync(join(cacheFolder('noise'), 'noise.bin')), false)
  served.behaviour = (from, response) => response.end(content.subarray(from))
  assert.ok(readFileSync(await obtain(file)).equals(content))
  assert.equal(served.starts.at(-1), 123_456)
})

test('a server that knows no ranges starts from the beginning', async (t) => {
  const served = await serve(t)
  let requests = 0
  served.behaviour = (from, response) => (requests++ === 0 ? breaking(50_000)(from, response) : response.destroy())
  await assert.rejects(obtain(file))
  const whole = createServer((_, response) => response.end(content))
  await new Promise<void>((listening) => whole.listen(0, '127.0.0.1', listening))
  t.after(() => whole.close())
  useVariable(t, 'HONE_DATA_MIRROR', `http://127.0.0.1:${(whole.address() as AddressInfo).port}`)
  assert.ok(readFileSync(await obtain(file)).equals(content))
})

test('another content than the published one is refused and removed', async (t) => {
  const served = await serve(t)
  served.behaviour = (from, response) => response.end(Buffer.alloc(content.length - from))
  await assert.rejects(obtain(file), /noise\.bin: the 300,000 bytes that arrived do not match the published checksum, and were removed/)
  assert.deepEqual(readdirSync(cacheFolder('noise')), [])
})

test('a server that says no, and no server at all', async (t) => {
  const served = await serve(t)
  served.behaviour = (_, response) => response.destroy()
  await assert.rejects(obtain(file), /0 of 300,000 bytes arrived \(.+\)/)
  const refusing = createServer((_, response) => response.writeHead(404).end('not here'))
  await new Promise<void>((listening) => refusing.listen(0, '127.0.0.1', listening))
  t.after(() => refusing.close())
  useVariable(t, 'HONE_DATA_MIRROR', `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`)
  await assert.rejects(obtain(file), /0 of 300,000 bytes arrived \(the server answered 404 Not Found\)/)
  useVariable(t, 'HONE_DATA_MIRROR', 'http://127.0.0.1:9')
  await assert.rejects(obtain(file), /0 of 300,000 bytes arrived \((connection refused|bad port)\)/)
})

test('a file in HONE_DATA is taken as it is', async (t) => {
  const served = await serve(t)
  const data = dataOf(t, { 'noise/noise.bin': 'mine' })
  assert.equal(await obtain(file), join(data, 'noise', 'noise.bin'))
  assert.deepEqual(served.starts, [])
})

test('an interrupted cell stops the download and keeps what arrived', async (t) => {
  const served = await serve(t)
  const cell = Symbol.for('hone.cell')
  const host = globalThis as { [cell]?: { signal: AbortSignal } }
  const controller = new AbortController()
  host[cell] = { signal: controller.signal }
  t.after(() => delete host[cell])
  served.behaviour = (from, response) => send(response, from, 100_000).then(() => controller.abort(new Error('Interrupted')))
  await assert.rejects(obtain(file), /^Error: Interrupted$/)
  delete host[cell]
  served.behaviour = (from, response) => response.end(content.subarray(from))
  assert.ok(readFileSync(await obtain(file)).equals(content))
  assert.deepEqual(served.starts, [0, 100_000])
})
