import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KernelClient, KernelDied } from '../../kernel/client.ts'
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
  const cell = run(kernel, 'const end = Date.now() + 1500; while (Date.now() < end) {}; "done"')
  const start = performance.now()
  await kernel.heartbeat()
  assert.equal((await kernel.request('shell', 'is_complete_request', { code: '1' })).content.status, 'complete')
  assert.ok(performance.now() - start < 1400)
  assert.equal((await cell).result, "'done'")
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

test('history, comms and the connection are answered', async () => {
  await run(kernel, 'const remembered = 1')
  const { history } = (await kernel.request('shell', 'history_request', { hist_access_type: 'tail', n: 1, output: false, raw: true })).content as { history: unknown[][] }
  assert.equal(history[0]!.at(-1), 'const remembered = 1')
  assert.deepEqual((await kernel.request('shell', 'comm_info_request', {})).content, { status: 'ok', comms: {} })
})

test('a message with a foreign signature, or without sense, is dropped; the next one is answered', async () => {
  const { Dealer } = await import('zeromq')
  const address = `tcp://127.0.0.1:${(await kernel.request('shell', 'connect_request', {})).content.shell_port}`
  const socket = new Dealer({ linger: 0 })
  socket.connect(address)
  const header = JSON.stringify({ msg_id: 'x', msg_type: 'execute_request', session: 's', username: 'u', date: '', version: '5.3' })
  await socket.send(['<IDS|MSG>', 'f'.repeat(64), header, '{}', '{}', '{"code":"globalThis.forged = 1"}'])
  await socket.send(['<IDS|MSG>', 'short'])
  await socket.send(['nothing'])
  await socket.send([Buffer.from([255, 254]), '<IDS|MSG>', '', 'no json', '{', '', ''])
  assert.equal((await run(kernel, "'forged' in globalThis")).result, 'false')
  socket.close()
})

test('a restart forgets everything and answers', async () => {
  await run(kernel, 'let kept = 1')
  await kernel.restart()
  assert.equal((await run(kernel, 'typeof kept')).result, "'undefined'")
  assert.equal((await run(kernel, '5')).reply.execution_count, 2)
})

test('a shutdown ends the process without a complaint, also while a cell spins', async () => {
  const spinning = await KernelClient.start()
  const cell = assert.rejects(spinning.execute('for (;;) {}'), KernelDied)
  await sleep(100)
  await spinning.shutdown()
  assert.deepEqual(await spinning.exited, { code: 0, signal: null })
  await cell
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
