import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Dealer } from 'zeromq'
import { address } from '../../kernel/connection.ts'
import { createHeader, encode } from '../../kernel/wire.ts'
import { run, startKernel } from './harness.ts'

const kernel = await startKernel()

type RequestChannel = 'shell' | 'control' | 'stdin'

/** Sends frames as they are, and then sees that the kernel lives and has its variables. */
async function sendRaw(channel: RequestChannel, ...messages: (string | Uint8Array)[][]): Promise<void> {
  const socket = new Dealer({ linger: 1000 })
  socket.connect(address(kernel.connection, channel))
  for (const frames of messages) await socket.send(frames)
  socket.close()
}

/** Waits until the kernel has said something in its log. */
async function logged(text: string): Promise<void> {
  for (let i = 0; i < 200 && !kernel.log.includes(text); i++) await sleep(20)
  assert.ok(kernel.log.includes(text), kernel.log)
}

async function assertAlive(): Promise<void> {
  assert.equal((await kernel.request('control', 'kernel_info_request')).content.status, 'ok')
  assert.equal((await run(kernel, 'typeof forged + precious')).result, "'undefined7'")
}

/** The frames of a well-formed message, or of one with other parts. */
function framesOf(type: string, content: object = {}, key = kernel.connection.key): Uint8Array[] {
  return encode({ header: createHeader(type, 'stranger', 'stranger'), parent_header: {}, metadata: {}, content, buffers: [] }, { ...kernel.connection, key })
}

const forgery = { code: 'globalThis.forged = 1' }
await run(kernel, 'const precious = 7')

test('a message with a wrong signature is dropped and counted in the log', async () => {
  const [delimiter, signature, ...rest] = framesOf('execute_request', forgery)
  const wrong = [framesOf('execute_request', forgery, 'another key'), framesOf('execute_request', forgery, ''), [delimiter, signature.subarray(1), ...rest]]
  const flipped = Buffer.from(signature)
  flipped[0] = flipped[0] === 48 ? 49 : 48
  await sendRaw('shell', ...wrong, ...Array.from({ length: 7 }, () => [delimiter, flipped, ...rest]))
  await logged('10th')
  assert.deepEqual(kernel.log.match(/.*signature.*/g), [
    'hone kernel: dropped a message on shell: the signature is wrong.',
    'hone kernel: dropped a message on shell: the signature is wrong, for the 10th time.',
  ])
  const { stderr } = await run(kernel, '1')
  assert.equal(stderr, '', 'what concerns the kernel stands below no cell')
  await assertAlive()
})

test('messages that are cut, or signed but senseless, are dropped on every channel', async () => {
  const whole = framesOf('execute_request', forgery)
  const cut = whole.map((_, i) => whole.slice(0, i))
  const signed = (...parts: string[]) => {
    const [header, parent_header, metadata, content] = parts
    return encode({ header, parent_header, metadata, content, buffers: [] } as never, kernel.connection)
  }
  const header = JSON.stringify(createHeader('execute_request', 's', 'u'))
  const senseless = [
    signed('{', '{}', '{}', '{}'), signed('[]', '{}', '{}', '{}'), signed('null', 'null', 'null', 'null'), signed('{}', '{}', '{}', '{}'),
    signed('{"msg_id":1,"msg_type":2}', '{}', '{}', '{}'), signed(header, '{}', '{}', '"text"'), signed(header, '{}', '{}', '\ufffd'), signed(header, '7', '{}', '{}'),
  ]
  const noise = [[''], ['', ''], ['<IDS|MSG>'], [Buffer.alloc(1000, 255)], Array.from({ length: 500 }, () => '<IDS|MSG>')]
  for (const channel of ['shell', 'control', 'stdin'] as const) await sendRaw(channel, ...cut, ...senseless, ...noise)
  await assertAlive()
})

test('any frames leave the kernel as it was', async () => {
  const frame = fc.oneof(fc.constantFrom('<IDS|MSG>', '{}', '', '{"msg_id":"a","msg_type":"execute_request"}'), fc.string(), fc.uint8Array().map((bytes) => Buffer.from(bytes)))
  const messages = fc.sample(fc.array(frame, { minLength: 1, maxLength: 9 }), 200)
  for (const channel of ['shell', 'control', 'stdin'] as const) await sendRaw(channel, ...messages)
  await assertAlive()
})

test('every request is answered, whatever its content', async () => {
  const types = ['execute', 'complete', 'inspect', 'is_complete', 'history', 'comm_info', 'kernel_info', 'connect', 'create_subshell', 'delete_subshell', 'list_subshell']
  const fields = ['code', 'cursor_pos', 'detail_level', 'silent', 'store_history', 'allow_stdin', 'stop_on_error', 'user_expressions', 'hist_access_type', 'n', 'session', 'start', 'stop', 'pattern', 'target_name', 'subshell_id', '__proto__']
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('range', 'tail', 'search', '[z-a', 'x.', '%', '!', '😀'), fc.constantFrom(-1, 1e9, 0.5, null))
  const content = fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 6 })
  const channel = fc.constantFrom('shell' as const, 'control' as const)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...types), channel, content, async (type, channel, content) => {
      const reply = await kernel.request(channel, `${type}_request`, content)
      assert.equal(reply.header.msg_type, `${type}_reply`)
      if (type !== 'is_complete') assert.match(String(reply.content.status), /^(ok|error|aborted)$/)
      if (reply.content.status === 'error') assert.ok(['ename', 'evalue'].every((field) => typeof reply.content[field] === 'string'))
    }),
    { numRuns: 150 },
  )
  await assertAlive()
})

test('what a request lacks is named', async () => {
  const { ename, evalue } = (await kernel.request('shell', 'execute_request', { code: 5 })).content
  assert.deepEqual([ename, evalue], ['MalformedRequest', 'execute_request: "code" must be a string.'])
})

test('comm messages of any content are handled, and types that nobody knows are dropped', async () => {
  const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom('constructor', '__proto__', 'known'))
  const content = fc.dictionary(fc.constantFrom('comm_id', 'target_name', 'data'), value)
  await run(kernel, "hone.comms.register('known', (comm) => { comm.onMsg = () => comm.send({}) })")
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('comm_open', 'comm_msg', 'comm_close'), content, (type, content) => kernel.sendComm(type, content)),
    { numRuns: 100 },
  )
  for (const type of ['nonsense_request', 'constructor', '__proto__', 'execute_reply', 'input_reply', 'iopub_welcome']) {
    await sendRaw('shell', framesOf(type))
    await sendRaw('control', framesOf(type))
    await sendRaw('stdin', framesOf(type, { value: { not: 'text' } }))
  }
  await assertAlive()
})

test('very large and very deep messages are handled', async () => {
  assert.equal((await run(kernel, `'${'x'.repeat(4e6)}'.length`)).result, '4000000')
  await run(kernel, "let received = 0; hone.comms.register('bytes', (comm) => { comm.onMsg = ({ buffers }) => { received = buffers[0].length } })")
  await kernel.sendComm('comm_open', { comm_id: 'bytes', target_name: 'bytes' })
  await kernel.sendComm('comm_msg', { comm_id: 'bytes' }, { buffers: [new Uint8Array(5e7)] })
  assert.equal((await run(kernel, 'received')).result, '50000000')
  const deep = JSON.parse(`${'['.repeat(3000)}${']'.repeat(3000)}`) as unknown
  await kernel.sendComm('comm_msg', { comm_id: 'bytes', data: deep }, { buffers: [new Uint8Array(1)] })
  const deeper = `{"comm_id":"bytes","data":${'['.repeat(1e6)}${']'.repeat(1e6)}}`
  await sendRaw('shell', encode({ header: createHeader('comm_msg', 's', 'u'), parent_header: {}, metadata: {}, content: deeper, buffers: [] }, kernel.connection))
  const header = `{"msg_id":"deep","msg_type":"execute_request","deep":${'['.repeat(1e6)}${']'.repeat(1e6)}}`
  await sendRaw('shell', encode({ header, parent_header: {}, metadata: {}, content: {}, buffers: [] } as never, kernel.connection))
  await logged('execute_request could not be answered')
  await assertAlive()
})

test('a msg_id that is used twice confuses nobody', async () => {
  const header = createHeader('execute_request', 'twice', 'u')
  const twice = ['await new Promise((resolve) => setTimeout(resolve, 30)); var one = 1', 'var two = one + 1'].map((code) =>
    encode({ header, parent_header: {}, metadata: {}, content: { code }, buffers: [] }, kernel.connection),
  )
  await sendRaw('shell', ...twice)
  for (let i = 0; i < 50 && (await run(kernel, 'typeof two')).result !== "'number'"; i++) await sleep(20)
  assert.equal((await run(kernel, 'two')).result, '2')
})
