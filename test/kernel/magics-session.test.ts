import assert from 'node:assert/strict'
import { mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { plainTraceback, run, startKernel } from './harness.ts'

const folder = await realpath(await mkdtemp(join(tmpdir(), 'hone-magics-')))
const kernel = await startKernel({ cwd: folder })

test('%who and %whos list variables, as IPython does', async () => {
  assert.equal((await run(kernel, '%who')).stdout, 'Interactive namespace is empty.\n')
  await run(kernel, "const n = 1, text = 'a b'\nfunction double(x: number) { return 2 * x }\nclass Point {}\nconst list = [1, 2]")
  assert.equal((await run(kernel, '%who')).stdout, 'Point\t double\t list\t n\t text\t \n')
  assert.equal((await run(kernel, '%who number string')).stdout, 'n\t text\t \n')
  const lines = (await run(kernel, '%whos')).stdout.split('\n')
  assert.match(lines[0], /^Variable +Type +Data\/Info$/)
  assert.match(lines[1], /^-+$/)
  assert.match(lines[2], /^Point +class +\[class Point\]$/)
  assert.match(lines[4], /^list +Array +n=2$/)
})

test('%history prints cells, by number, range or pattern', async () => {
  const { reply } = await run(kernel, 'const first = "needle"')
  const number = reply.execution_count
  await run(kernel, 'const second = 2\nsecond')
  assert.equal((await run(kernel, `%history ${number}-${number + 1}`)).stdout, 'const first = "needle"\nconst second = 2\nsecond\n')
  assert.equal((await run(kernel, `%history -n ${number}`)).stdout, `${String(number).padStart(4)}: const first = "needle"\n`)
  assert.equal((await run(kernel, `%history -n -l 1`)).stdout, `${String(number + 3).padStart(4)}: %history -n ${number}\n`)
  assert.match((await run(kernel, '%history -g needle')).stdout, /^ +\d+: const first = "needle"\n/)
  assert.match((await run(kernel, '%history one')).reply.evalue!, /"one" names no cells/)
})

test('%reset asks, and lets go of every variable', async () => {
  const refused = await run(kernel, '%reset', { onInput: () => 'n' })
  assert.match(refused.stdout, /Nothing done/)
  assert.equal((await run(kernel, 'n')).result, '1')
  await run(kernel, '%reset -f')
  assert.equal((await run(kernel, '%who')).stdout, 'Interactive namespace is empty.\n')
  assert.equal((await run(kernel, 'const n = 5; n')).result, '5')
})

test('%env lists, reads and sets', async () => {
  assert.equal((await run(kernel, '%env HONE_TEST=one two')).stdout, 'env: HONE_TEST=one two\n')
  assert.equal((await run(kernel, '%env HONE_TEST')).result, "'one two'")
  assert.equal((await run(kernel, 'const all = %env\nall.HONE_TEST')).result, "'one two'")
  assert.equal((await run(kernel, '%env HONE_API_KEY=abc\nconst shown = %env\nshown.HONE_API_KEY')).result, "'<hidden>'")
  assert.match((await run(kernel, '%env HONE_NONE')).reply.evalue!, /does not have key: HONE_NONE/)
})

test('%pwd, %cd and %ls', async () => {
  assert.equal((await run(kernel, 'const here = %pwd\nhere')).result, `'${folder}'`)
  await writeFile(join(folder, 'listed.txt'), '')
  assert.match((await run(kernel, '%ls')).stdout, /listed\.txt/)
  assert.equal((await run(kernel, 'const files = %ls\nfiles.includes("listed.txt")')).result, 'true')
  assert.equal((await run(kernel, '%cd /')).stdout, '/\n')
  assert.equal((await run(kernel, '%cd -')).stdout, `${folder}\n`)
  assert.match((await run(kernel, '%cd nowhere')).reply.evalue!, /nowhere is no folder/)
})

test('%%writefile writes and appends; %writefile saves earlier cells; %load puts a file into the cell', async () => {
  assert.equal((await run(kernel, '%%writefile notes.ts\nexport const a: number = 1\n')).stdout, `Writing ${join(folder, 'notes.ts')}\n`)
  assert.match((await run(kernel, '%%writefile -a notes.ts\nexport const b = a + 1')).stdout, /^Appending to /)
  assert.equal(await readFile(join(folder, 'notes.ts'), 'utf8'), 'export const a: number = 1\nexport const b = a + 1\n')
  const { reply } = await run(kernel, 'const saved = 1')
  assert.match((await run(kernel, `%writefile notes.ts ${reply.execution_count}`)).stdout, /^Overwriting /)
  assert.equal(await readFile(join(folder, 'notes.ts'), 'utf8'), 'const saved = 1\n')
  const loaded = await run(kernel, '%load notes.ts')
  assert.deepEqual(loaded.reply.payload, [{ source: 'set_next_input', text: '// %load notes.ts\nconst saved = 1\n', replace: true }])
  assert.match((await run(kernel, '%load gone.ts')).reply.evalue!, /gone\.ts is not there/)
  assert.match((await run(kernel, '%%writefile no/folder.ts\nx')).reply.evalue!, /cannot be written/)
})

test('%run binds what a file exports, anew each time; its stack lines are its own; notebooks run cell by cell', async () => {
  await writeFile(join(folder, 'module.ts'), 'enum Kind { A = 4 }\nexport let value = Kind.A\nexport const fail = () => {\n  throw new Error("inside")\n}\n')
  await run(kernel, '%run module.ts')
  assert.equal((await run(kernel, 'value')).result, '4')
  assert.match(plainTraceback(await run(kernel, 'fail()')), /module\.ts[^\n]*:4:9/)
  await writeFile(join(folder, 'module.ts'), 'export const value = 9')
  await run(kernel, '%run module.ts')
  assert.equal((await run(kernel, 'value')).result, '9')
  const cells = [{ cell_type: 'markdown', source: '# x' }, { cell_type: 'code', source: ['const fromNotebook = 3\n', 'console.log("ran")'] }]
  await writeFile(join(folder, 'other.ipynb'), JSON.stringify({ cells }))
  assert.equal((await run(kernel, '%run other.ipynb')).stdout, 'ran\n')
  assert.equal((await run(kernel, 'fromNotebook')).result, '3')
  await writeFile(join(folder, 'bad.ipynb'), '{')
  assert.match((await run(kernel, '%run bad.ipynb')).reply.evalue!, /bad\.ipynb is not a notebook/)
})

test('%%html, %%markdown, %%svg, %%latex and %%javascript show their body', async () => {
  const types = { html: 'text/html', markdown: 'text/markdown', svg: 'image/svg+xml', latex: 'text/latex', javascript: 'application/javascript' }
  for (const [name, type] of Object.entries(types)) {
    const { outputs } = await run(kernel, `%%${name}\n<b>'quoted' \`and\` \${more}</b>`)
    assert.equal((outputs[0].content.data as Record<string, string>)[type], "<b>'quoted' `and` ${more}</b>")
  }
})

test('%%capture keeps what a cell prints and shows, also of a cell that fails', async () => {
  const { outputs } = await run(kernel, "%%capture kept\nconsole.log('out'); console.error('err'); display('one'); const inside = 4\n'last'")
  assert.deepEqual(outputs, [])
  assert.equal((await run(kernel, '[inside, kept.stdout, kept.stderr, kept.outputs.length]')).result, "[ 4, 'out\\n', 'err\\n', 2 ]")
  assert.equal((await run(kernel, 'kept.show()')).outputs.length, 4)
  assert.equal((await run(kernel, "%%capture --no-stdout\nconsole.log('through')")).stdout, 'through\n')
  assert.equal((await run(kernel, "%%capture failed\nconsole.log('before'); throw new Error('x')")).reply.ename, 'Error')
  assert.equal((await run(kernel, 'failed.stdout')).result, "'before\\n'")
})

test('magics stand above magics, and in blocks and functions', async () => {
  const { stdout } = await run(kernel, "%%capture timed\n%%time\nconst doubled = 2 * 21")
  assert.equal(stdout, '')
  assert.match((await run(kernel, 'console.log(timed.stdout); doubled')).stdout, /Wall time/)
  assert.match((await run(kernel, 'if (doubled > 1) {\n  %time doubled\n}')).stdout, /Wall time/)
  assert.match((await run(kernel, 'async function measure() {\n  %time 1 + 1\n}\nawait measure()')).stdout, /Wall time/)
})

const placed: Record<string, string> = {
  '%%time\nconst x = 1\nthrow new Error("here")': ':3:7',
  '%%time throw new Error("here")\n1': ':1:14',
  '\n\n%time throw new Error("here")': ':3:13',
  '%%timeit -n 1 -r 1\n\nthrow new Error("here")': ':3:7',
  '%%capture\n%%time\nthrow new Error("here")': ':3:7',
  '%pwd\n!exit 0\nthrow new Error("here")': ':3:7',
  'const out = !exit 0\nthrow new Error("here")': ':2:7',
}

for (const [code, place] of Object.entries(placed)) {
  test(`the line of an error is that which was typed: ${JSON.stringify(code)}`, async () => {
    const outcome = await run(kernel, code)
    assert.match(plainTraceback(outcome), new RegExp(`at cell ${outcome.reply.execution_count}${place}\\n`))
  })
}

test("hone.magic adds a person's own, in both forms", async () => {
  await run(kernel, "hone.magic('shout', (argument, body, { print }) => { print('said\\n'); return (argument + (body ?? '')).toUpperCase() })")
  const line = await run(kernel, '%shout hi')
  assert.deepEqual([line.result, line.stdout], ["'HI'", 'said\n'])
  assert.equal((await run(kernel, '%%shout a\nb')).result, "'AB'")
  assert.equal((await run(kernel, 'const loud = %shout x\nloud')).result, "'X'")
  assert.match((await run(kernel, '%lsmagic')).stdout, /%%shout/)
  const [page] = (await run(kernel, '%shout?')).reply.payload as { data: Record<string, string> }[]
  assert.equal(page.data['text/plain'], '%shout defined in this session')
  const { content } = await kernel.request('shell', 'complete_request', { code: '%%sho', cursor_pos: 5 })
  assert.deepEqual(content.matches, ['shout'])
  assert.match((await run(kernel, "hone.magic('no good', () => 1)")).reply.evalue!, /cannot name a magic/)
})

test('%name? explains a magic in the pager; an unknown option is named', async () => {
  for (const code of ['%timeit?', '%%timeit?', '%history?']) {
    const [page] = (await run(kernel, code)).reply.payload as { source: string; data: Record<string, string> }[]
    assert.equal(page.source, 'page')
    assert.match(page.data['text/plain'], /time many runs|%history \[-n\]/)
  }
  const { reply } = await run(kernel, '%history --nonsense')
  assert.match(reply.evalue!, /--nonsense/)
  assert.deepEqual([reply.ename, reply.traceback!.length], ['UsageError', 1])
})

test('%config lists and changes how much is shown', async () => {
  assert.match((await run(kernel, '%config')).stdout, /rows = 50/)
  await run(kernel, '%config rows=2')
  const { outputs } = await run(kernel, '[{ a: 1 }, { a: 2 }, { a: 3 }]')
  assert.match((outputs[0].content.data as Record<string, string>)['text/html'], /2 of 3 rows/)
  assert.match((await run(kernel, '%config rows=many')).reply.evalue!, /whole number/)
  assert.match((await run(kernel, '%config colour=1')).reply.evalue!, /is no setting/)
})
