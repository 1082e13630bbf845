import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bench } from '../../../lib/measure/bench.ts'
import { processContender } from '../../../lib/measure/process.ts'

/** A process that says `ready`, and answers a number of calls by what `answer`, a JavaScript expression of `calls`, gives. */
const peer = (answer: string, first = `console.log('loading'); console.log('ready')`) =>
  processContender(process.execPath, ['-e', `${first}; require('readline').createInterface({ input: process.stdin }).on('line', (line) => { const calls = Number(line); console.log(${answer}) })`])

test('contenders in other processes are timed by their own clock, and compared', async () => {
  const [a, b] = [await peer('calls * (0.01 + 0.0004 * Math.random())'), await peer('`${calls * (0.005 + 0.0002 * Math.random())} [1, 2]`')]
  const { pids: [pid] } = b
  const result = await bench({ a, b }, { seconds: 1, minRuns: 10 })
  assert.equal(result.b.verdict, 'faster')
  assert.ok(Math.abs(result.b.median - 0.0051) < 0.0002)
  assert.throws(() => process.kill(pid, 0), /ESRCH/, 'the process has ended')
})

test('a process tells its settings, and what others differ in is said', async () => {
  const theirs = await peer('calls', `console.log('ready {"threads": 4}')`)
  const result = await bench({ ours: { run: () => 0, settings: { threads: 1 } }, theirs }, { minRuns: 2, maxRuns: 2, seconds: 1 })
  assert.deepEqual(result.theirs.settings, { threads: 4 })
  assert.match(String(result), /Not all alike: threads \(ours 1, theirs 4\)\./)
})

test('what a process answers is compared on request', async () => {
  const [a, b] = [await peer('calls + " [1, 2]"'), await peer('calls + " [1, 3]"')]
  await assert.rejects(bench({ a, b }, { sameResults: true, seconds: 1 }), /b: it answers something else than a does: the result\.1 is 3, not 2/)
})

test('a process that fails, is killed, hangs, talks or tells no time is named', async () => {
  const failing = async (answer: string, told: RegExp, options = {}) => assert.rejects(bench({ peer: await peer(answer) }, { seconds: 1, ...options }), told)
  await failing(`'error: no weights'`, /^Error: peer: no weights$/)
  await failing('process.exit(3)', /peer: it ended with exit code 3$/)
  await failing(`(() => { throw new Error('boom') })()`, /peer: it ended with exit code 1: /)
  await failing('NaN', /peer: it tells a time of NaN s/)
  await failing(`'hello there'`, /peer: it answered "hello there", not the seconds/)
  await failing(`(() => { for (;;); })()`, /peer: its call did not end within 0\.2 s/, { timeout: 0.2 })
})

test('a process that cannot be timed at all says why', async () => {
  await assert.rejects(processContender('no-such-command'), /no-such-command was not ready to be timed: spawn no-such-command ENOENT/)
  await assert.rejects(peer('0', 'process.exit(2)'), /not ready to be timed: it ended with exit code 2/)
  await assert.rejects(peer('0', `console.log('error: no torch')`), /not ready to be timed: no torch/)
  await assert.rejects(processContender(process.execPath, ['-e', 'setTimeout(() => {}, 1e6)'], { startTimeout: 0.3 }), /it was ended by SIGKILL/)
})

test('an interrupt does not wait for a call in another process', async () => {
  const interrupt = new AbortController()
  Object.assign(globalThis, { [Symbol.for('hone.cell')]: { id: 'a', signal: interrupt.signal } })
  const slow = await peer('(() => { for (;;); })()')
  try {
    setTimeout(() => interrupt.abort(new Error('Interrupted')), 100)
    await assert.rejects(bench({ slow }), /^Error: Interrupted$/)
  } finally {
    Reflect.deleteProperty(globalThis, Symbol.for('hone.cell'))
  }
  assert.throws(() => process.kill(slow.pids[0], 0), /ESRCH/)
})
