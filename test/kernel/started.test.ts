import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelClient } from '../../kernel/client.ts'
import { run, startKernel } from './harness.ts'

const kernel = await startKernel()

/** Runs a cell until it has printed something, and interrupts it. Answers with what was printed. */
async function interruptWhenPrinted(code: string, one: KernelClient = kernel): Promise<string> {
  let printed = ''
  let resolvePrinted = () => {}
  const hasPrinted = new Promise<void>((resolve) => (resolvePrinted = resolve))
  const cell = one.execute(code, { onOutput: ({ header, content }) => header.msg_type === 'stream' && ((printed += String(content.text)), resolvePrinted()) })
  await Promise.race([hasPrinted, cell.then((reply) => assert.fail(reply.traceback?.join('\n')))])
  await one.interrupt()
  assert.equal((await cell).ename, 'Interrupted')
  return printed
}

/** Whether a process ends soon. One that nobody has asked how it ended still has its number. */
async function ended(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 40; tries++) {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
    if (stdout.trim() === '' || stdout.startsWith('Z')) return true
    await sleep(50)
  }
  return false
}

test('a worker that an interrupted cell started ends', async () => {
  await interruptWhenPrinted("import { Worker } from 'node:worker_threads'\nconst worker = new Worker('for (;;) {}', { eval: true })\nlet code: number | undefined\nworker.on('exit', (it) => { code = it })\nworker.on('online', () => console.log('up'))\nawait new Promise(() => {})")
  assert.equal((await run(kernel, 'while (code === undefined) await new Promise((resolve) => setTimeout(resolve, 10))\ncode')).result, '1')
})

test('a process that an interrupted cell started ends, with those that it started', { skip: process.platform === 'win32' }, async () => {
  const printed = await interruptWhenPrinted("import { spawn } from 'node:child_process'\nconst child = spawn('sh', ['-c', 'sleep 1000 & echo $! $$; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })\nchild.stdout.on('data', (data) => console.log(String(data)))\nawait new Promise((resolve) => child.on('exit', resolve))")
  const pids = printed.trim().split(/\s+/).map(Number)
  assert.equal(pids.length, 2)
  assert.deepEqual(await Promise.all(pids.map(ended)), [true, true])
})

test('a command that a cell waits for without awaiting ends', { skip: process.platform !== 'linux' }, async () => {
  await interruptWhenPrinted("import { execSync } from 'node:child_process'\nconsole.log('up')\nexecSync('sleep 1000')")
  assert.equal((await run(kernel, "String(execSync('echo on'))")).result, "'on\\n'")
})

test('!command and %%bash end with what they started', { skip: process.platform === 'win32' }, async () => {
  for (const code of ['!sleep 1000 & echo $!; wait', '%%bash\nsleep 1000 &\necho $!\nwait']) {
    const printed = await interruptWhenPrinted(code)
    assert.equal(await ended(Number(printed)), true, code)
  }
})

test('a request that an interrupted cell made is given up', async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => sockets.push(socket.resume()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await interruptWhenPrinted(`const answer = fetch('http://127.0.0.1:${port}/')\nsetTimeout(() => console.log('up'), 100)\nawait answer`)
  for (let tries = 0; tries < 40 && !sockets[0]!.closed; tries++) await sleep(50)
  assert.ok(sockets[0]!.closed)
  server.close()
})

test('what an earlier cell started, and a service that a process would not wait for, go on', async () => {
  await run(kernel, "const echo = new Worker('require(\"node:worker_threads\").parentPort.on(\"message\", (m) => require(\"node:worker_threads\").parentPort.postMessage(m))', { eval: true })")
  await interruptWhenPrinted("const service = new Worker('require(\"node:worker_threads\").parentPort.on(\"message\", (m) => require(\"node:worker_threads\").parentPort.postMessage(m))', { eval: true })\nservice.unref()\nconsole.log('up')\nawait new Promise(() => {})")
  const { result } = await run(kernel, "const answers = [echo, service].map((one) => new Promise((resolve) => one.once('message', resolve)))\nfor (const one of [echo, service]) one.postMessage('there')\nconst both = await Promise.all(answers)\nawait Promise.all([echo.terminate(), service.terminate()])\nboth")
  assert.equal(result, "[ 'there', 'there' ]")
})

test('no thread and no process is left behind by a kernel that ends', { skip: process.platform === 'win32' }, async () => {
  const other = await startKernel()
  const printed = await interruptWhenPrinted("import { spawn } from 'node:child_process'\nconst child = spawn('sleep', ['1000'])\nawait new Promise((resolve) => child.on('spawn', resolve))\nconsole.log(child.pid)\nawait new Promise(() => {})", other)
  await other.shutdown()
  assert.equal(await ended(Number(printed)), true)
})
