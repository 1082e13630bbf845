import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { deferred } from '../../kernel/deferred.ts'
import { run, startKernel } from './harness.ts'

const kernel = await startKernel()
const control = async (type: string, content: object = {}) => (await kernel.request('control', type, content)).content
const create = async () => String((await control('create_subshell_request')).subshell_id)
const list = async () => (await control('list_subshell_request')).subshell_id

/** A cell that runs until another cell sets the named variable. */
const until = (name: string) => `globalThis.${name} = false; while (!globalThis.${name}) await new Promise((resolve) => setTimeout(resolve, 2)); '${name}'`

test('the kernel says that it has subshells; they are created, listed and deleted', async () => {
  assert.deepEqual(kernel.info.supported_features, ['kernel subshells'])
  assert.equal(kernel.info.protocol_version, '5.4')
  const [first, second] = [await create(), await create()]
  assert.deepEqual(await list(), [first, second])
  assert.deepEqual(await control('delete_subshell_request', { subshell_id: first }), { status: 'ok' })
  assert.deepEqual(await list(), [second])
  await control('delete_subshell_request', { subshell_id: second })
})

test('a subshell runs cells while a cell of the main shell awaits; they share variables, and each has its own output', async () => {
  const subshell = await create()
  const waiting = run(kernel, `console.log('main'); ${until('released')}`)
  const { result, stdout } = await run(kernel, "const inSubshell = 6; console.log('sub'); inSubshell * 7", { subshell })
  assert.deepEqual([result, stdout], ['42', 'sub\n'])
  await run(kernel, 'globalThis.released = true', { subshell })
  const main = await waiting
  assert.deepEqual([main.result, main.stdout], ["'released'", 'main\n'])
  assert.equal((await run(kernel, 'inSubshell')).result, '6')
})

test('within a subshell cells run one after the other; execution counts are the session\'s', async () => {
  const subshell = await create()
  const order = await Promise.all([
    run(kernel, 'let steps = []; await new Promise((resolve) => setTimeout(resolve, 50)); steps.push(1)', { subshell }),
    run(kernel, 'steps.push(2); steps', { subshell }),
  ])
  assert.equal(order[1].result, '[ 1, 2 ]')
  assert.equal(order[1].reply.execution_count, order[0].reply.execution_count + 1)
  assert.equal((await run(kernel, '1')).reply.execution_count, order[0].reply.execution_count + 2)
})

test('an error aborts what waits in its own subshell only', async () => {
  const subshell = await create()
  const main = run(kernel, until('failedOver'))
  const afterMain = run(kernel, "'goes on'")
  const failing = run(kernel, "await new Promise((resolve) => setTimeout(resolve, 20)); throw new Error('x')", { subshell })
  const aborted = await run(kernel, "'never'", { subshell })
  assert.equal((await failing).reply.status, 'error')
  assert.equal(aborted.reply.status, 'aborted')
  await run(kernel, 'globalThis.failedOver = true', { subshell })
  assert.deepEqual([(await main).result, (await afterMain).result], ["'failedOver'", "'goes on'"])
})

test('an interrupt ends the cells of all shells, spinning or awaiting, and keeps the variables', async () => {
  const [first, second] = [await create(), await create()]
  const begun = deferred<void>()
  const waiting = [run(kernel, 'let kept = 5; await new Promise(() => {})'), run(kernel, 'await new Promise(() => {})', { subshell: first })]
  const spinning = kernel.execute("console.log('spins'); for (;;) {}", { subshell: second, onOutput: () => begun.resolve() })
  await begun.promise
  await kernel.interrupt()
  assert.deepEqual([(await spinning).ename, ...(await Promise.all(waiting)).map(({ reply }) => reply.ename)], ['Interrupted', 'Interrupted', 'Interrupted'])
  assert.equal((await run(kernel, 'kept', { subshell: first })).result, '5')
})

test('while a cell spins, a subshell still completes, inspects and recalls; its cells wait for an await', async () => {
  const subshell = await create()
  const begun = deferred<void>()
  const spinning = kernel.execute("console.log('spins'); for (;;) {}", { onOutput: () => begun.resolve() })
  await begun.promise
  const ask = async (type: string, content: object) => (await kernel.request('shell', type, content, { subshell })).content.status
  assert.equal(await ask('complete_request', { code: 'Math.ma', cursor_pos: 7 }), 'ok')
  assert.equal(await ask('inspect_request', { code: 'Math', cursor_pos: 4 }), 'ok')
  assert.equal(await ask('history_request', { hist_access_type: 'tail', n: 1 }), 'ok')
  const late = run(kernel, '7', { subshell })
  await kernel.interrupt()
  assert.equal((await spinning).ename, 'Interrupted')
  assert.ok(['ok', 'error'].includes((await late).reply.status))
})

test('a comm is answered in a subshell while the main shell awaits, and also when its subshell is gone', async () => {
  await run(kernel, "hone.comms.register('echo', (comm) => { comm.onMsg = ({ content }) => comm.send(content.data) })")
  const subshell = await create()
  const echoes: unknown[] = []
  kernel.onComm = ({ header, content }) => echoes.push([header.subshell_id, content.data])
  const waiting = run(kernel, until('commDone'))
  const comm_id = randomUUID()
  await kernel.sendComm('comm_open', { comm_id, target_name: 'echo', data: {} }, { subshell })
  await kernel.sendComm('comm_msg', { comm_id, data: { n: 1 } }, { subshell })
  await control('delete_subshell_request', { subshell_id: subshell })
  await kernel.sendComm('comm_msg', { comm_id, data: { n: 2 } }, { subshell })
  await kernel.sendComm('comm_close', { comm_id, data: {} }, { subshell })
  assert.deepEqual(echoes.map((echo) => (echo as unknown[])[1]), [{ n: 1 }, { n: 2 }])
  assert.deepEqual((await kernel.request('shell', 'comm_info_request')).content.comms, {})
  await run(kernel, 'globalThis.commDone = true', { subshell: await create() })
  await waiting
})

test('a subshell that is not there is an error of the request; deleting one aborts what waits there', async () => {
  const missing = await run(kernel, '1', { subshell: 'nowhere' })
  assert.deepEqual([missing.reply.status, missing.reply.ename], ['error', 'UnknownSubshellError'])
  assert.equal((await kernel.request('shell', 'complete_request', { code: '', cursor_pos: 0 }, { subshell: 'nowhere' })).content.status, 'error')
  assert.equal((await control('delete_subshell_request', { subshell_id: 'nowhere' })).ename, 'UnknownSubshellError')
  assert.match(String((await control('delete_subshell_request')).evalue), /"subshell_id" must be a string/)

  const subshell = await create()
  const running = run(kernel, until('deletedWhile'), { subshell })
  const waiting = run(kernel, "'never'", { subshell })
  await kernel.request('shell', 'kernel_info_request')
  await control('delete_subshell_request', { subshell_id: subshell })
  assert.equal((await waiting).reply.status, 'aborted')
  await run(kernel, 'globalThis.deletedWhile = true')
  assert.equal((await running).reply.status, 'ok')
})

test('questions of two shells at once reach the person, and each gets its own answer', async () => {
  const subshell = await create()
  const onInput = (prompt: string) => `to ${prompt}`
  const [main, sub] = await Promise.all([run(kernel, "await input('main')", { onInput }), run(kernel, "await input('sub')", { subshell, onInput })])
  assert.deepEqual([main.result, sub.result], ["'to main'", "'to sub'"])
})
