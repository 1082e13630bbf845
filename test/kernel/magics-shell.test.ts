import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel } from './harness.ts'

const folder = await mkdtemp(join(tmpdir(), 'hone-shell-'))
const kernel = await startKernel({ cwd: folder })

test('!command prints as it runs, and its exit code is kept', async () => {
  const printed: unknown[] = []
  await kernel.execute('!echo one; until [ -e seen ]; do sleep 0.02; done; echo two >&2; exit 3', { onOutput: ({ content }) => {
    printed.push(content.text)
    writeFileSync(join(folder, 'seen'), '')
  } })
  assert.deepEqual(printed, ['one\n', 'two\n'])
  const { stdout, stderr } = await run(kernel, '!echo ü; echo err >&2')
  assert.deepEqual([stdout, stderr], ['ü\n', 'err\n'])
  await run(kernel, '!exit 3')
  assert.equal((await run(kernel, '_exit_code')).result, '3')
})

test('const lines = !command captures lines and exit code', async () => {
  const { result } = await run(kernel, "const lines = !printf 'a\\nb c\\n'; exit 2\n[lines.length, lines[1], lines.n, lines.s, lines.exitCode, lines.map((line) => line.length)]")
  assert.equal(result, "[ 2, 'b c', 'a\\nb c', 'a b c', 2, [ 1, 3 ] ]")
  assert.equal((await run(kernel, 'let none: string[] = !exit 0\nnone.length')).result, '0')
})

test('commands are given the values of variables, local ones too', async () => {
  const { stdout } = await run(kernel, "const who = { name: 'Ada' }\nfor (const n of [1, 2]) {\n  !echo {who.name} $n '{print $1}' {unknown} $HOME\n}")
  assert.equal(stdout, `Ada 1 {print $1} {unknown} ${process.env.HOME}\nAda 2 {print $1} {unknown} ${process.env.HOME}\n`)
})

const typescript: Record<string, string> = {
  'const ready = false\nconst not = !ready\nnot': 'true',
  'const items = [1]\n!items.length': 'false',
  'const every = !items.every((item) => {\n  return item > 1\n})\nevery': 'true',
  '!(1 > 2)': 'true',
  '!!items': 'true',
  'const a = 7\n  % 4\na': '3',
  'const b = items &&\n  !ready\nb': 'true',
  'const text = `\n!echo\n%time\n`\ntext.length': '13',
  '[\n  1,\n  !ready,\n].length': '2',
  'let c = 1 // 5\nc\n!= 2': 'true',
  'function negate(value: boolean) {\n  const negated = !value\n  return negated\n}\nnegate(true)': 'false',
}

const above = ['const text = `a${1}b`', 'let n = 0; n++', 'let list: Array<number>', 'const sure = text!', '// it\'s `']

for (const line of above) {
  test(`a magic stands below ${JSON.stringify(line)}`, async () => {
    assert.equal((await run(kernel, `${line}\n!echo there`)).stdout, 'there\n')
  })
}

for (const [code, expected] of Object.entries(typescript)) {
  test(`TypeScript that looks like a magic stays TypeScript: ${JSON.stringify(code)}`, async () => {
    assert.equal((await run(kernel, code)).result, expected)
  })
}

test('%%bash runs the body; its exit code is an error, and its output may go into variables', async () => {
  const outcome = await run(kernel, '%%bash\nfor i in 1 2; do echo $i; done\nexit 4')
  assert.equal(outcome.stdout, '1\n2\n')
  assert.match(plainTraceback(outcome), /bash ended with exit code 4/)
  await run(kernel, '%%bash --out text --err errors\necho kept\necho bad >&2')
  assert.equal((await run(kernel, '[text, errors]')).result, "[ 'kept\\n', 'bad\\n' ]")
  assert.equal((await run(kernel, '%%sh\necho $0')).stdout, 'sh\n')
})

for (const command of ['!sleep 60; touch late', '%%bash\nsleep 60\ntouch late', 'const slow = !sleep 60; touch late']) {
  test(`an interrupt ends ${JSON.stringify(command)} and what it started`, async () => {
    await run(kernel, 'let kept = 1')
    const cell = run(kernel, command)
    await sleep(300)
    await kernel.interrupt()
    assert.equal((await cell).reply.ename, 'Interrupted')
    assert.equal((await run(kernel, 'kept')).result, '1')
    const sleepers = await run(kernel, `const sleepers = !ps -eo ppid,args | grep "^ *${kernel.pid} .*[s]leep 60" || true\nsleepers.length`)
    assert.equal(sleepers.result, '0')
    assert.ok(!existsSync(join(folder, 'late')))
  })
}
