import assert from 'node:assert/strict'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run, startKernel } from './harness.ts'

const folder = await mkdtemp(join(tmpdir(), 'hone-types-'))
const kernel = await startKernel({ cwd: folder })
await run(kernel, '%typecheck strict')

/** Names that may follow a text. */
async function completions(code: string): Promise<string[]> {
  const { content } = await kernel.request('shell', 'complete_request', { code, cursor_pos: code.length })
  return content.matches as string[]
}

const wellTyped: Record<string, string> = {
  'what a command printed is lines with an exit code': 'const lines = !echo a\nconst code: number = lines.exitCode, first: string = lines[0]',
  'negation stays a boolean, of names of earlier cells too': 'const code2 = 1\nconst no: boolean = !code2',
  'negation in the next cell': 'const yes: boolean = !code2',
  'what %time measures keeps its type': 'const sum: number = %time 1 + 2',
  'the setup of %%timeit is in scope': '%%timeit -n 1 -r 1 const items = [3, 1]\nitems.sort()',
  'what %%time declares on its line': '%%time const onLine = 4\nconst below: number = onLine',
  'a captured cell is TypeScript': '%%capture\nconst captured = 4',
  'what a captured cell declares has its type in later ones': 'const four: number = captured',
  'magics of one\'s own are typed': "hone.magic('typed', (argument, body, { print, count }) => { print(argument.trim() + String(count + 1)); return body?.length })",
  "Deno's helpers and clearOutput are known": "Deno.jupyter.html`<b></b>`; clearOutput({ wait: true }); display.markdown('x').update(1)",
  "tslab's module is known": "import { display as shown, newDisplay } from 'tslab'\nnewDisplay().html('x'); shown.raw('a/b', new Uint8Array(1))",
}

for (const [name, code] of Object.entries(wellTyped)) {
  test(name, async () => {
    const { reply } = await run(kernel, code)
    assert.deepEqual([reply.status, reply.traceback], ['ok', undefined])
  })
}

const illTyped: Record<string, string> = {
  'the body of %%mem is checked': "%%mem\nconst size: number = 'large'",
  'a prompt is a string': "const age: number = prompt('?')",
  'a display takes text': 'display.html(5)',
}

for (const [name, code] of Object.entries(illTyped)) {
  test(`${name}: a type error`, async () => {
    assert.equal((await run(kernel, code)).reply.ename, 'TypeScriptError')
  })
}

test('members of the globals are completed', async () => {
  assert.ok((await completions('display.mark')).includes('markdown'))
  assert.ok((await completions('Deno.jupyter.')).includes('broadcast'))
  assert.ok((await completions('%%prof\ndisplay.mark')).includes('markdown'))
  assert.deepEqual(await completions('%%pro'), ['prof'])
  assert.ok(!(await completions('%')).includes('!'))
})
