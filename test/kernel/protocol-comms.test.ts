import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Message } from '../../kernel/client.ts'
import { deferred } from '../../kernel/deferred.ts'
import { run, startKernel, stripColours } from './harness.ts'

const kernel = await startKernel()

/** Messages of comms that the kernel sends while something happens. */
async function listening(work: () => Promise<unknown>): Promise<Message[]> {
  const messages: Message[] = []
  kernel.onComm = (message) => messages.push(message)
  await work()
  kernel.onComm = undefined
  return messages
}

const told = (messages: Message[]) => messages.map(({ header, content }) => [header.msg_type, content.data])
const opened = async (target_name?: string) => (await kernel.request('shell', 'comm_info_request', { target_name })).content.comms as Record<string, { target_name: string }>

test('the front end opens a comm, sends messages with bytes, gets answers with bytes, and closes', async () => {
  const { outputs } = await run(
    kernel,
    `let closedWith: unknown
     hone.comms.register('sum', (comm, opening) => {
       comm.send({ hello: opening.content.data.name }, { seen: opening.metadata.mark })
       comm.onMsg = ({ content, buffers: [first, second] }) => {
         const sum = new Float64Array([first[0] + second[0] + content.data.add])
         comm.send({ count: 2 }, {}, [sum, sum.buffer])
       }
       comm.onClose = ({ content }) => { closedWith = content.data }
     })`,
  )
  assert.deepEqual(outputs, [], 'its types are known')
  const comm_id = randomUUID()
  const messages = await listening(async () => {
    await kernel.sendComm('comm_open', { comm_id, target_name: 'sum', data: { name: 'Ada' } }, { metadata: { mark: 7 } })
    await kernel.sendComm('comm_msg', { comm_id, data: { add: 1 } }, { buffers: [Uint8Array.of(40), Uint8Array.of(1)] })
  })
  assert.deepEqual(told(messages), [['comm_msg', { hello: 'Ada' }], ['comm_msg', { count: 2 }]])
  assert.deepEqual(messages[0].metadata, { seen: 7 })
  assert.deepEqual(messages[1].buffers.map((bytes) => Buffer.from(bytes).readDoubleLE()), [42, 42])
  assert.deepEqual(await opened(), { [comm_id]: { target_name: 'sum' } })
  await kernel.sendComm('comm_close', { comm_id, data: { bye: true } })
  assert.equal((await run(kernel, 'closedWith')).result, '{ bye: true }')
  assert.deepEqual(await opened(), {})
})

test('a cell opens a comm, the front end answers while the cell awaits, and the cell closes it', async () => {
  const answered: Promise<void>[] = []
  const messages = await listening(async () => {
    const heard = kernel.onComm!
    kernel.onComm = (message) => {
      heard(message)
      const { comm_id } = message.content
      if (message.header.msg_type === 'comm_open') answered.push(kernel.sendComm('comm_msg', { comm_id, data: { answer: 42 } }))
    }
    const { result } = await run(
      kernel,
      `const asked = hone.comms.open('chart', { question: 6 }, { theme: 'dark' }, [Uint8Array.of(1, 2, 3).subarray(1)])
       const { content } = await new Promise<any>((resolve) => { asked.onMsg = resolve })
       asked.close({ done: true }); asked.close();
       [content.data.answer, asked.targetName, asked.isOpen]`,
    )
    assert.equal(result, "[ 42, 'chart', false ]")
  })
  await Promise.all(answered)
  assert.deepEqual(told(messages), [['comm_open', { question: 6 }], ['comm_close', { done: true }]])
  assert.deepEqual([messages[0].content.target_name, messages[0].metadata, [...messages[0].buffers[0]]], ['chart', { theme: 'dark' }, [2, 3]])
  assert.match(String((await run(kernel, 'asked.send({})')).reply.evalue), /The comm to "chart" is closed/)
})

test('comm_info tells the comms of a target; a comm stays open after its cell', async () => {
  await run(kernel, "const charts = [hone.comms.open('chart'), hone.comms.open('chart'), hone.comms.open('map')]")
  assert.deepEqual(Object.values(await opened('chart')).map(({ target_name }) => target_name), ['chart', 'chart'])
  assert.equal(Object.keys(await opened()).length, 3)
  await run(kernel, 'charts.forEach((comm) => comm.close())')
  assert.deepEqual(await opened(), {})
})

test('a target that nobody registered, or no longer, is closed at once', async () => {
  await run(kernel, "hone.comms.register('gone', () => {}); hone.comms.unregister('gone')")
  for (const target_name of ['gone', 'never', 'constructor']) {
    const comm_id = randomUUID()
    const [refusal] = await listening(() => kernel.sendComm('comm_open', { comm_id, target_name, data: {} }))
    assert.deepEqual([refusal.header.msg_type, refusal.content.comm_id], ['comm_close', comm_id])
  }
  assert.deepEqual(await opened(), {})
})

test('what a handler prints, shows and throws belongs to the message it was called for, also after an await', async () => {
  await run(
    kernel,
    `hone.comms.register('loud', (comm) => {
       comm.onMsg = async ({ content }) => {
         await new Promise((resolve) => setTimeout(resolve, content.data.wait))
         console.log(content.data.text)
         if (content.data.fails) throw new RangeError('too ' + content.data.text)
       }
     })`,
  )
  const comm_id = randomUUID()
  await kernel.sendComm('comm_open', { comm_id, target_name: 'loud', data: {} })
  const outputs: Record<string, Message[]> = { slow: [], fast: [] }
  const send = (text: string, wait: number, fails: boolean) =>
    kernel.sendComm('comm_msg', { comm_id, data: { text, wait, fails } }, {}, { onOutput: (message) => outputs[text].push(message) })
  await Promise.all([send('slow', 60, true), send('fast', 5, false), run(kernel, "console.log('a cell between')")])
  assert.deepEqual(outputs.fast.map(({ content }) => content.text), ['fast\n'])
  assert.deepEqual(outputs.slow.map(({ header }) => header.msg_type), ['stream', 'error'])
  assert.deepEqual([outputs.slow[1].content.ename, outputs.slow[1].content.evalue], ['RangeError', 'too slow'])
  assert.match(stripColours((outputs.slow[1].content.traceback as string[]).join('\n')), /at comm\.onMsg.* \(?cell \d+:5:40\)?/)
})

test('an opening handler that throws: the error is shown and the comm closed', async () => {
  await run(kernel, "hone.comms.register('broken', () => { throw new Error('no') })")
  const errors: Message[] = []
  const [closing] = await listening(() =>
    kernel.sendComm('comm_open', { comm_id: 'b', target_name: 'broken', data: {} }, {}, { onOutput: (message) => errors.push(message) }),
  )
  assert.deepEqual([closing.header.msg_type, errors[0].content.evalue], ['comm_close', 'no'])
})

test('a handler that spins, or waits for ever, is interrupted and others go on', async () => {
  await run(kernel, "let turns = 0; hone.comms.register('stuck', (comm) => { comm.onMsg = async ({ content }) => { for (;;) { turns++; if (content.data.awaits) await new Promise(() => {}) } } })")
  for (const awaits of [false, true]) {
    const comm_id = randomUUID()
    await kernel.sendComm('comm_open', { comm_id, target_name: 'stuck', data: {} })
    const shown = deferred<Message>()
    const stuck = kernel.sendComm('comm_msg', { comm_id, data: { awaits } }, {}, { onOutput: shown.resolve })
    await kernel.heartbeat()
    await kernel.interrupt()
    await stuck
    assert.equal((await shown.promise).content.ename, 'Interrupted')
  }
  assert.equal((await run(kernel, 'turns > 0')).result, 'true')
})

test('what is no JSON is an error where it is sent, and nothing is left open', async () => {
  const before = await opened()
  assert.match(String((await run(kernel, "const circle: any = {}; circle.self = circle; hone.comms.open('x', circle)")).reply.evalue), /circular/i)
  assert.match(String((await run(kernel, 'hone.comms.open(5 as any)')).reply.evalue), /name of a target/)
  assert.match(String((await run(kernel, "hone.comms.register('x', 5 as any)")).reply.evalue), /a function \(comm, message\)/)
  assert.deepEqual(await opened(), before)
})

test("Deno's broadcast sends comm messages too", async () => {
  const messages = await listening(() =>
    run(kernel, "await Deno.jupyter.broadcast('comm_open', { comm_id: 'd', target_name: 'widget', data: { a: 1 } }, { buffers: [Uint8Array.of(9)] })"),
  )
  assert.deepEqual([told(messages), [...messages[0].buffers[0]]], [[['comm_open', { a: 1 }]], [9]])
  assert.deepEqual((await opened()).d, { target_name: 'widget' })
})
