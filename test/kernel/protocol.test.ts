import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Subscriber } from 'zeromq'
import { KernelClient, KernelDied, type Message } from '../../kernel/client.ts'
import { address } from '../../kernel/connection.ts'
import { deferred } from '../../kernel/deferred.ts'
import { decode } from '../../kernel/wire.ts'
import { run, startKernel } from './harness.ts'

const kernel = await startKernel()

test('kernel_info describes a kernel for TypeScript', () => {
  const { protocol_version, implementation, language_info, status } = kernel.info as Record<string, Record<string, unknown>>
  assert.match(String(protocol_version), /^5\.\d/)
  assert.deepEqual([implementation, status], ['hone', 'ok'])
  const { name, file_extension, mimetype, pygments_lexer, codemirror_mode } = language_info!
  assert.deepEqual([name, file_extension, mimetype, pygments_lexer, codemirror_mode], ['typescript', '.ts', 'text/x.typescript', 'typescript', undefined])
})

test('the heart beats, and questions are answered, while a cell spins', async () => {
  const begun = deferred<void>()
  const cell = kernel.execute("console.log('begun'); for (;;) {}", { onOutput: () => begun.resolve() })
  await begun.promise
  await kernel.heartbeat()
  assert.equal((await kernel.request('shell', 'is_complete_request', { code: '1' })).content.status, 'complete')
  await kernel.interrupt()
  assert.equal((await cell).ename, 'Interrupted')
})

test('is_complete: complete, incomplete with its indent, invalid', async () => {
  const ask = async (code: string) => (await kernel.request('shell', 'is_complete_request', { code })).content
  assert.equal((await ask('const x: number = 1')).status, 'complete')
  assert.deepEqual(await ask('function f() {'), { status: 'incomplete', indent: '  ' })
  assert.equal((await ask('`two\n')).status, 'incomplete')
  assert.equal((await ask('const = ')).status, 'invalid')
})

test('completion of names and members; positions count code points', async () => {
  await run(kernel, 'const completable = { alpha: 1, beta: { gamma: 2 } }')
  const ask = async (code: string) => (await kernel.request('shell', 'complete_request', { code, cursor_pos: Array.from(code).length })).content
  const names = await ask("'😀'; complet")
  assert.deepEqual([names.matches, names.cursor_start, names.cursor_end], [['completable'], 5, 12])
  assert.deepEqual(((await ask('completable.')).matches as string[]).filter((name) => !(name in {})), ['alpha', 'beta'])
  assert.ok(((await ask('completable.beta.g')).matches as string[]).includes('gamma'))
})

test('the connection is answered', async () => {
  const { shell_port, hb_port } = kernel.connection
  const { content } = await kernel.request('shell', 'connect_request')
  assert.deepEqual([content.status, content.shell_port, content.hb_port], ['ok', shell_port, hb_port])
})

/** Every message that is published while something happens, as a front end with a socket of its own sees it. */
async function published(topic: string, work: () => Promise<unknown>): Promise<Message[]> {
  const socket = new Subscriber()
  const messages: Message[] = []
  const greeted = deferred<void>()
  socket.connect(address(kernel.connection, 'iopub'))
  socket.subscribe(topic)
  const listening = (async () => {
    for await (const frames of socket) {
      messages.push(decode(frames, kernel.connection))
      greeted.resolve()
    }
  })()
  await greeted.promise
  await work()
  await kernel.request('control', 'kernel_info_request')
  await sleep(20)
  socket.close()
  await listening
  return messages
}

const typesOf = (messages: Message[]) => messages.map(({ header }) => header.msg_type)

test('who subscribes is greeted first, by the topic of the subscription', async () => {
  const [welcome] = await published('', async () => {})
  assert.deepEqual([welcome.header.msg_type, welcome.content, welcome.parent_header], ['iopub_welcome', { subscription: '' }, {}])
  const streams = await published('stream', () => run(kernel, "console.log('told'); 5"))
  assert.deepEqual(typesOf(streams), ['iopub_welcome', 'stream'])
  assert.equal(streams[0].content.subscription, 'stream')
})

test('a cell is announced as busy, with its input, its outputs and then idle; its reply says when it began', async () => {
  let started = 0
  const messages = await published('', async () => {
    const { metadata } = await kernel.request('shell', 'execute_request', { code: "console.log('a'); 'b'" })
    started = Date.parse(String(metadata.started))
  })
  const [{ parent_header }] = messages.filter(({ header }) => header.msg_type === 'execute_input')
  const own = messages.filter((message) => message.parent_header.msg_id === parent_header.msg_id)
  assert.deepEqual(typesOf(own), ['status', 'execute_input', 'stream', 'execute_result', 'status'])
  assert.deepEqual([own[0].content, own.at(-1)!.content], [{ execution_state: 'busy' }, { execution_state: 'idle' }])
  assert.ok(Math.abs(Date.now() - started) < 60_000)
})

test('a silent cell shows neither its input nor its value, and does not count', async () => {
  const before = (await run(kernel, '1')).reply.execution_count
  const messages = await published('', () => run(kernel, 'globalThis.silently = 2', { silent: true }))
  assert.ok(!typesOf(messages).some((type) => type.startsWith('execute_')))
  const { reply, result } = await run(kernel, 'silently')
  assert.deepEqual([result, reply.execution_count], ['2', before + 1])
})

test('an error aborts all cells that were sent before it was known, however fast it came', async () => {
  const send = (stopOnError: boolean) => Array.from({ length: 40 }, (_, i) => run(kernel, i === 0 ? 'const = 1' : `${i}`, { stopOnError }))
  const [failed, ...others] = await Promise.all(send(true))
  assert.equal(failed.reply.status, 'error')
  assert.deepEqual(new Set(others.map(({ reply }) => reply.status)), new Set(['aborted']))
  assert.equal((await run(kernel, "'goes on'")).reply.status, 'ok')
  const [, ...run39] = await Promise.all(send(false))
  assert.deepEqual(new Set(run39.map(({ reply }) => reply.status)), new Set(['ok']))
})

test('an interrupt aborts the cells that wait; where nothing runs it is answered', async () => {
  const begun = deferred<void>()
  const running = kernel.execute("console.log('begun'); await new Promise(() => {})", { onOutput: () => begun.resolve() })
  const waiting = run(kernel, '1')
  await Promise.all([begun.promise, kernel.request('shell', 'kernel_info_request')])
  await kernel.interrupt()
  assert.deepEqual([(await running).ename, (await waiting).reply.status], ['Interrupted', 'aborted'])
  assert.deepEqual((await kernel.request('control', 'interrupt_request')).content, { status: 'ok' })
})

test('a question about a name is answered in the pager, beside what the cell itself shows', async () => {
  const { reply, result } = await run(kernel, 'Math.max?\n3 + 4')
  assert.equal(result, '7')
  const [page] = reply.payload as { source: string; start: number; data: Record<string, string> }[]
  assert.deepEqual([page.source, page.start], ['page', 0])
  assert.match(page.data['text/plain'], /max\(\.\.\.values: number\[\]\): number/)
})

test('a restart forgets everything and answers', async () => {
  await run(kernel, 'let kept = 1')
  await kernel.restart()
  assert.equal((await run(kernel, 'typeof kept')).result, "'undefined'")
  assert.equal((await run(kernel, '5')).reply.execution_count, 2)
})

for (const delay of [0, 100]) {
  test(`a shutdown ends the process without a complaint, also while a cell spins, ${delay} ms after it was sent`, async () => {
    const spinning = await KernelClient.start()
    const cell = assert.rejects(spinning.execute('for (;;) {}'), KernelDied)
    await sleep(delay)
    await spinning.shutdown()
    assert.deepEqual([await spinning.exited, spinning.log], [{ code: 0, signal: null }, ''])
    await cell
  })
}

test('an interrupt that comes while the kernel still starts ends the cell, and the kernel goes on', async () => {
  const fresh = await startKernel()
  const cell = run(fresh, 'for (;;) {}')
  const interrupting = setInterval(() => void fresh.interrupt(), 20)
  assert.equal((await cell).reply.ename, 'Interrupted')
  clearInterval(interrupting)
  assert.equal((await run(fresh, '1 + 1')).result, '2')
})

test('a kernel that cannot start says so', async () => {
  await assert.rejects(KernelClient.start({ nodeArgs: ['--no-such-option'] }), KernelDied)
})

test('a kernel ends when the process that started it dies', async () => {
  const client = new URL('../../kernel/client.js', import.meta.url).href
  const script = `import { KernelClient } from '${client}'; const kernel = await KernelClient.start(); console.log(kernel.pid); kernel.execute('for (;;) {}')`
  const starter = spawn(process.execPath, ['--input-type=module', '--eval', script])
  const [pid] = await once(starter.stdout, 'data')
  starter.kill('SIGKILL')
  const isAlive = () => {
    try {
      return process.kill(Number(pid), 0)
    } catch {
      return false
    }
  }
  for (let i = 0; i < 100 && isAlive(); i++) await sleep(100)
  assert.equal(isAlive(), false)
})
