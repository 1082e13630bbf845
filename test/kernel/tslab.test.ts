import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { run, startKernel } from './harness.ts'

const require = createRequire(import.meta.url)
const tslabFolder = dirname(require.resolve('tslab/package.json'))
const tslab = await startKernel({ command: [process.execPath, join(tslabFolder, 'bin', 'tslab'), 'kernel', '--config-path', '{connection_file}'] })
const kernel = await startKernel()

/** The outputs of a cell; an id of a display says only that there is one. */
async function outputsOf(client: typeof kernel, code: string) {
  const { outputs } = await run(client, code)
  return outputs.map(({ header, content }) => {
    const { data, metadata, transient } = content as { data: object; metadata: object; transient: { display_id?: string } }
    return { type: header.msg_type, data, metadata, hasId: typeof transient.display_id === 'string' }
  })
}

const shows: Record<string, string> = {
  javascript: "display.javascript('alert(1)')",
  html: "display.html('<b>b</b>')",
  markdown: "display.markdown('*m*')",
  latex: "display.latex('$x^2$')",
  svg: "display.svg('<svg></svg>')",
  png: 'display.png(new Uint8Array([137, 80, 78, 71]))',
  jpeg: 'display.jpeg(Buffer.from([255, 216, 255]))',
  gif: "display.gif(Buffer.from('GIF89a'))",
  pdf: "display.pdf(Buffer.from('%PDF-1.4'))",
  text: "display.text('plain')",
  'raw with text': "display.raw('text/csv', 'a,b')",
  'raw with bytes': "display.raw('application/octet-stream', new Uint8Array([0, 1, 255]).subarray(1))",
  'a display that overwrites itself': "const one = newDisplay(); one.text('first'); one.html('<i>second</i>'); one.png(new Uint8Array([1]))",
  'two displays and the common one': "const a = newDisplay(), b = newDisplay(); a.text('a'); b.text('b'); display.text('c'); a.text('d')",
}

for (const [name, code] of Object.entries(shows)) {
  test(`tslab's ${name} shows what it shows in tslab's own kernel`, async () => {
    const cell = `import { display, newDisplay } from 'tslab'\n{ ${code} }`
    const expected = await outputsOf(tslab, cell)
    assert.ok(expected.length > 0)
    assert.deepEqual(await outputsOf(kernel, cell), expected)
  })
}

test('each display that overwrites itself has an id of its own', async () => {
  const { outputs } = await run(kernel, "import * as tslab from 'tslab'\nconst p = tslab.newDisplay(), q = tslab.newDisplay(); p.text('1'); q.text('2'); p.text('3')")
  const [first, second, third] = outputs.map(({ content }) => (content.transient as { display_id: string }).display_id)
  assert.equal(first, third)
  assert.notEqual(first, second)
})

test('versions has the entries that it has in tslab', async () => {
  const { result } = await run(kernel, "import { versions } from 'tslab'\nversions")
  const { version } = require('tslab/package.json') as { version: string }
  assert.match(result!, new RegExp(`tslab: '${version.replaceAll('.', '\\.')}', typescript: '\\d.*', node: '${process.version}'`))
})

test("the module type-checks against tslab's own types", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hone-tslab-types-'))
  const packages = dirname(tslabFolder)
  await symlink(packages, join(folder, 'node_modules'))
  const declarations = fileURLToPath(new URL('../../kernel/tslab.js', import.meta.url))
  await writeFile(
    join(folder, 'check.ts'),
    `import * as real from 'tslab'
    import * as provided from ${JSON.stringify(declarations)}
    const asReal: Omit<typeof real, 'default'> = provided
    const asProvided: typeof provided = real
    export { asReal, asProvided }`,
  )
  const options = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', skipLibCheck: true, types: ['node'] }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['check.ts'] }))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const check = promisify(execFile)(process.execPath, [join(packages, 'typescript', 'bin', 'tsc'), '-p', folder])
  await check.catch((failure: { stdout: string }) => assert.fail(failure.stdout))
})
