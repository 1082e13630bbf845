import assert from 'node:assert/strict'
import { appendFile, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { matches } from '../../kernel/glob.ts'
import { History } from '../../kernel/history.ts'
import { SessionFile } from '../../kernel/sessions.ts'
import { run, startKernel } from './harness.ts'

const newFolder = async () => join(await mkdtemp(join(tmpdir(), 'hone-history-')), 'history')

/** A session that ran these cells and ended. */
async function ran(folder: string, ...inputs: string[]): Promise<void> {
  const history = new History(folder)
  inputs.forEach((input, i) => history.add(i + 1, input))
  await history.close()
}

const inputs = async (history: History, query: object) => (await history.find(query)).map(({ session, line, input }) => [session, line, input])

test('patterns match as SQLite has them', () => {
  const cases: [pattern: string, text: string, isMatch: boolean][] = [
    ['*', '', true], ['', '', true], ['', 'a', false], ['a*c', 'abbc', true], ['a*c', 'abcd', false], ['a?c', 'abc', true], ['a?c', 'ac', false],
    ['?', '😀', true], ['*😀', 'a😀', true], ['[a-c]x', 'bx', true], ['[^a-c]x', 'bx', false], ['[^a-c]x', 'dx', true], ['[]]', ']', true], ['[a-]', '-', true],
    ['A*', 'abc', false], ['a.c', 'abc', false], ['*\n*', 'two\nlines', true], ['[open', '[open', true], ['**a**', 'bab', true], ['(x)+', '(x)+', true], ['[z-a]', 'm', false], ['[^z-a]', 'm', true], ['[\uff00-😀]', '😀', true],
  ]
  for (const [pattern, text, isMatch] of cases) assert.equal(matches(pattern)(text), isMatch, `${pattern} and ${text}`)
})

test('patterns of stars and letters match what the same regular expression does, and none takes long', () => {
  const letters = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 12 })
  fc.assert(
    fc.property(letters('ab*?'), letters('ab'), (pattern, text) => {
      const expression = new RegExp(`^${pattern.replace(/\*+/g, '[^]*').replaceAll('?', '[^]')}$`)
      return matches(pattern)(text) === expression.test(text)
    }),
  )
  assert.equal(matches(`${'*a'.repeat(30)}b*`)('a'.repeat(100_000)), false)
})

test('the tail, a range and a search go over this session and earlier ones', async () => {
  const folder = await newFolder()
  await ran(folder, 'const a = 1', 'a + 1')
  await ran(folder, 'const b = 2', 'a + 1')
  const history = new History(folder)
  history.add(1, 'const c = 3')
  history.add(3, 'c')
  history.setOutput(3, '3')
  assert.deepEqual(await inputs(history, { hist_access_type: 'tail', n: 3 }), [[2, 2, 'a + 1'], [3, 1, 'const c = 3'], [3, 3, 'c']])
  assert.equal((await history.find({ hist_access_type: 'tail' })).length, 6)
  assert.deepEqual(await inputs(history, { hist_access_type: 'range', session: 1, start: 2 }), [[1, 2, 'a + 1']])
  assert.deepEqual(await inputs(history, { hist_access_type: 'range', session: -1, start: 1, stop: 2 }), [[2, 1, 'const b = 2']])
  assert.deepEqual((await history.find({ hist_access_type: 'range', session: 0, start: 2 })), [{ session: 3, line: 3, input: 'c', output: '3' }])
  assert.deepEqual(await inputs(history, { hist_access_type: 'range', session: 99 }), [])
  assert.deepEqual(await inputs(history, { hist_access_type: 'search', pattern: 'const ?*' }), [[1, 1, 'const a = 1'], [2, 1, 'const b = 2'], [3, 1, 'const c = 3']])
  assert.deepEqual(await inputs(history, { hist_access_type: 'search', pattern: 'const*', n: 2 }), [[2, 1, 'const b = 2'], [3, 1, 'const c = 3']])
  assert.deepEqual(await inputs(history, { hist_access_type: 'search', pattern: 'a*', unique: true }), [[2, 2, 'a + 1']])
  await history.close()
})

test('sessions that begin at once each have a number and a file of their own, which others may not read', async () => {
  const folder = await newFolder()
  await mkdir(folder)
  await writeFile(join(folder, 'session-99999999999999999999.jsonl'), '')
  const files = await Promise.all(Array.from({ length: 20 }, () => SessionFile.create(folder)))
  assert.deepEqual(files.map(({ session }) => session).sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1))
  await Promise.all(files.map((file) => file.close()))
  if (process.platform !== 'win32') assert.equal((await stat(join(folder, 'session-1.jsonl'))).mode & 0o077, 0)
})

test('damaged lines are passed over, whatever they hold', async () => {
  const folder = await newFolder()
  await ran(folder, 'first', 'second', 'third')
  const file = join(folder, 'session-1.jsonl')
  const whole = await readFile(file, 'utf8')
  const lines = whole.trim().split('\n')
  await fc.assert(
    fc.asyncProperty(fc.nat(lines.length), fc.string({ unit: 'binary' }), async (place, text) => {
      const damage = text.replaceAll('\n', ' ')
      fc.pre(!/^\s*\{/.test(damage))
      await writeFile(file, [...lines.slice(0, place), damage, ...lines.slice(place)].join('\n'))
      assert.deepEqual((await inputs(new History(folder), { hist_access_type: 'tail' })).map(([, , input]) => input), ['first', 'second', 'third'])
    }),
    { numRuns: 50 },
  )
  await writeFile(file, whole.slice(0, -5))
  assert.deepEqual(await inputs(new History(folder), { hist_access_type: 'tail' }), [[1, 1, 'first'], [1, 2, 'second']])
  await writeFile(file, '{"line":"1","input":"x"}\n{"line":1}\nnull\n[]\n"text"\n')
  assert.deepEqual(await inputs(new History(folder), { hist_access_type: 'tail' }), [])
})

test('of a history that is very long the newest part is read', async () => {
  const folder = await newFolder()
  await ran(folder, 'oldest')
  await ran(folder, 'old')
  const line = `${JSON.stringify({ line: 9, input: `x${'y'.repeat(1000)}` })}\n`
  await appendFile(join(folder, 'session-2.jsonl'), line.repeat(34_000))
  const found = await new History(folder).find({ hist_access_type: 'search', pattern: '*' })
  assert.ok(found.length > 30_000)
  assert.ok(found.every(({ session }) => session === 2))
})

test('a folder that cannot be written costs the history, not the session', async () => {
  const folder = join(await mkdtemp(join(tmpdir(), 'hone-history-')), 'file')
  await writeFile(folder, '')
  const history = new History(folder)
  history.add(1, 'x')
  assert.deepEqual(await inputs(history, { hist_access_type: 'tail' }), [[1, 1, 'x']])
  await history.close()
})

test('cells are there in the next kernel: also from one that was killed, without those that are silent or not to be stored', async () => {
  const folder = await newFolder()
  const env = { ...process.env, HONE_HISTORY: folder }
  const [first, second] = await Promise.all([startKernel({ env }), startKernel({ env })])
  await Promise.all([run(first, 'const inFirst = 1\ninFirst'), run(second, 'const inSecond = 2')])
  await run(first, 'hidden()', { silent: true })
  await run(first, 'unstored()', { storeHistory: false })
  await run(first, ' \n')
  await run(first, "throw new Error('kept too')")
  process.kill(second.pid, 'SIGKILL')
  await first.restart()
  const history = async (query: object) => (await first.request('shell', 'history_request', { output: false, raw: true, ...query })).content.history as [number, number, unknown][]
  const all = await history({ hist_access_type: 'tail', n: 10 })
  assert.deepEqual(all.map(([, , input]) => input).sort(), ['const inFirst = 1\ninFirst', 'const inSecond = 2', "throw new Error('kept too')"])
  assert.deepEqual(new Set(all.map(([session]) => session)), new Set([1, 2]))

  await run(first, '6 * 7')
  assert.deepEqual(await history({ hist_access_type: 'tail', n: 1, output: true }), [[3, 1, ['6 * 7', '42']]])
  assert.deepEqual(await history({ hist_access_type: 'search', pattern: 'const *', output: true, n: 1 }), [[2, 1, [all.find(([session]) => session === 2)![2], null]]])
  assert.equal((await history({ hist_access_type: 'range', session: 0, start: 1, stop: 2 })).length, 1)
  const { stdout } = await run(first, '%history -g inFirst')
  assert.match(stdout, /^ *[12]\/1:\nconst inFirst = 1\ninFirst\n$/)
  assert.equal((await run(first, '%history -o 1')).stdout, '6 * 7\n42\n')
  assert.equal((await run(first, '%history -l 2')).stdout, '%history -g inFirst\n%history -o 1\n')
  assert.equal((await run(first, '%history -u -g hist*-o')).stdout, '   3: %history -o 1\n')
  assert.match(String((await run(first, '%history -l few')).reply.evalue), /-l takes a number of cells, not "few"/)
  assert.match((await run(first, '%history -n ~1/ ~2/')).stdout, /2\/1:[^]*1\/1:/)
  assert.equal((await readdir(folder)).length, 3)
})

test('the history is kept in Jupyter\'s own data folder, or nowhere', async () => {
  const data = await mkdtemp(join(tmpdir(), 'hone-data-'))
  const kernel = await startKernel({ env: { ...process.env, JUPYTER_DATA_DIR: data, HONE_HISTORY: '' } })
  await run(kernel, "'kept'")
  await kernel.restart()
  assert.deepEqual(await readdir(join(data, 'hone', 'history')), ['session-1.jsonl'])
  const off = await startKernel({ env: { ...process.env, JUPYTER_DATA_DIR: join(data, 'off'), HONE_HISTORY: 'off' } })
  await run(off, "'not kept'")
  await off.restart()
  await assert.rejects(stat(join(data, 'off')))
})
