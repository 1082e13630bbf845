import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deferred } from '../../kernel/deferred.ts'
import { run, startKernel } from './harness.ts'

const kernel = await startKernel()

/** Runs a cell and answers its questions in turn; tells what was asked. */
async function answering(code: string, ...answers: string[]) {
  const asked: [prompt: string, password: boolean][] = []
  const onInput = (prompt: string, password: boolean) => {
    asked.push([prompt, password])
    return answers[asked.length - 1]
  }
  return { asked, ...(await run(kernel, code, { onInput })) }
}

test('input waits for the answer, and passwords are asked as such', async () => {
  const { asked, result } = await answering("const name = await input('Name: '); const key = await input('Key: ', { password: true }); [name, key]", 'Ada', 'secret')
  assert.deepEqual(asked, [['Name: ', false], ['Key: ', true]])
  assert.equal(result, "[ 'Ada', 'secret' ]")
})

test('questions that are asked at once come one after the other', async () => {
  const { result } = await answering("await Promise.all([input('1'), input('2'), input('3')])", 'a', 'b', 'c')
  assert.equal(result, "[ 'a', 'b', 'c' ]")
})

test('prompt, confirm and alert hold the cell as a browser does', async () => {
  const { asked, result, stdout } = await answering(
    "let ticks = 0; const timer = setInterval(() => ticks++, 1); const got = [prompt('Age?', '30'), prompt('City?'), confirm('Sure?'), confirm('Really?'), alert('Look')]; console.log(ticks); clearInterval(timer); got",
    '', 'Bern', 'y', 'no', '',
  )
  assert.deepEqual(asked.map(([prompt]) => prompt), ['Age? [30] ', 'City? ', 'Sure? [y/N] ', 'Really? [y/N] ', 'Look [Enter] '])
  assert.equal(result, "[ '30', 'Bern', true, false, undefined ]")
  assert.equal(stdout, '0\n')
})

test('while a cell waits for an answer its output is there and the kernel answers others', async () => {
  const printed = deferred<string>()
  const asked = deferred<void>()
  const answer = deferred<string>()
  const cell = kernel.execute("console.log('before'); prompt('?')", {
    onOutput: ({ content }) => printed.resolve(String(content.text)),
    onInput: () => (asked.resolve(), answer.promise),
  })
  await asked.promise
  assert.equal(await printed.promise, 'before\n')
  assert.equal((await kernel.request('control', 'kernel_info_request')).content.status, 'ok')
  assert.ok((await kernel.heartbeat()) >= 0)
  answer.resolve('answer')
  assert.equal((await cell).status, 'ok')
})

for (const question of ["prompt('?')", "await input('?')"]) {
  test(`${question} is interrupted, and a late answer disturbs no later question`, async () => {
    await run(kernel, 'let n = 5')
    const asked = deferred<void>()
    const late = deferred<string>()
    const cell = run(kernel, `n = 6; ${question}; n = 7`, { onInput: () => (asked.resolve(), late.promise) })
    await asked.promise
    await kernel.interrupt()
    assert.equal((await cell).reply.ename, 'Interrupted')
    late.resolve('late')
    assert.equal((await answering("[n, prompt('again')]", 'fresh')).result, "[ 6, 'fresh' ]")
  })
}

test('where the person ends the input instead of answering, the cell fails', async () => {
  for (const question of ["prompt('?')", "await input('?')"]) {
    assert.match((await answering(question, '\u0004')).reply.evalue!, /There is no answer: the input was ended/)
  }
})

test('a front end that takes no input gets a clear error', async () => {
  for (const question of ["prompt('Age?')", "await input('Age?')"]) {
    const { reply } = await run(kernel, question)
    assert.match(reply.evalue!, /"Age\?\s?" cannot be asked: the front end that runs this cell takes no input/)
  }
})
