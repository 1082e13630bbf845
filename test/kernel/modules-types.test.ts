import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { plainTraceback, run, startKernel } from './harness.ts'

const cwd = realpathSync(mkdtempSync(join(tmpdir(), 'hone-module-types-')))

function write(path: string, content: string): void {
  mkdirSync(dirname(join(cwd, path)), { recursive: true })
  writeFileSync(join(cwd, path), content)
}

write('package.json', JSON.stringify({ imports: { '#inner/*': './inner/*.ts' } }))
write('config/base.json', '{ "compilerOptions": { "paths": { "@/*": ["../inner/*"] } } }')
write('tsconfig.json', '{ "extends": "./config/base.json", "compilerOptions": { "strict": true } }')
write('inner/deep.ts', 'export const depth: number = 3')
write('top.ts', "import { depth } from '@/deep'\nexport const doubled = [depth]\nexport enum Kind { Low }")
write('old.cts', "import path = require('node:path')\nexport const separator: string = path.sep")
writeFileSync(join(cwd, 'empty.wasm'), Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
write('data.json', '{ "version": "1.2" }')
write('node_modules/pack/package.json', '{ "name": "pack", "type": "module", "exports": { ".": { "types": "./index.d.ts", "default": "./index.js" } } }')
write('node_modules/pack/index.js', 'export const n = 1')
write('node_modules/pack/index.d.ts', 'export declare const n: number')

const kernel = await startKernel({ cwd })

await run(kernel, '%typecheck strict')

/** The type errors that keep a cell from running. */
async function typeErrors(code: string): Promise<string> {
  const outcome = await run(kernel, code)
  if (outcome.reply.ename === 'TypeScriptError') return outcome.reply.traceback!.join('\n')
  assert.equal(outcome.reply.status, 'ok', plainTraceback(outcome))
  return ''
}

async function complete(code: string): Promise<string[]> {
  return (await kernel.request('shell', 'complete_request', { code, cursor_pos: code.length })).content.matches as string[]
}

const wellTyped: Record<string, string> = {
  'paths that a tsconfig.json inherits, and imports of a package.json': "import { depth } from '@/deep'\nimport { depth as same } from '#inner/deep'\nconst sum: number = depth + same",
  'import = require, of a package and a file': "import fs = require('node:fs')\nimport old = require('./old.cts')\nconst text: string = old.separator + typeof fs.readFileSync",
  'require, __dirname, __filename and import.meta': 'const anything = require("pack")\nconst place: string = __dirname + __filename + import.meta.dirname + import.meta.filename + import.meta.url + import.meta.resolve("pack")',
  'JSON, with and without an attribute': "import data from './data.json'\nimport { version } from './data.json' with { type: 'json' }\nconst shown: string = data.version + version",
  'WebAssembly': "import * as empty from './empty.wasm'\nempty.whatever",
  'npm: specifiers': "import { n } from 'npm:pack@1'\nconst three: number = n + (await import('npm:pack')).n",
  'using': 'using held = { size: 2, [Symbol.dispose]() {} }\nconst size: number = held.size',
  'honejs': "import { passes, type Graph } from 'honejs'\nconst pass = passes.foldBatchNorm()",
}

for (const [name, code] of Object.entries(wellTyped)) {
  test(`no type error: ${name}`, async () => assert.equal(await typeErrors(code), ''))
}

const illTyped: Record<string, [code: string, expected: RegExp]> = {
  'a file through paths': ["import { doubled } from './top.ts'\nconst text: string = doubled[0]", /'number' is not assignable to type 'string'/],
  'import = require': ["import old = require('./old.cts')\nconst n: number = old.separator", /'string' is not assignable to type 'number'/],
  'JSON': ["import data from './data.json'\nconst n: number = data.version", /'string' is not assignable to type 'number'/],
  'an npm: specifier': ["import { n as pn } from 'npm:pack@1'; const wrong: number = 'x'\nconst text: string = pn", /:2:7 Type 'number' is not assignable to type 'string'/],
}

for (const [name, [code, expected]] of Object.entries(illTyped)) {
  test(`a type error: ${name}`, async () => assert.match(await typeErrors(code), expected))
}

test('exports are completed, also those of files through paths', async () => {
  assert.ok((await complete("import * as deepest from '@/deep'\ndeepest.de")).includes('depth'))
  assert.ok((await complete("import * as pack from 'npm:pack'\npack.")).includes('n'))
})

test('a file that changes anywhere in the chain has its new types', async () => {
  const cell = "import { doubled } from './top.ts'\nconst number: number = doubled[0]"
  assert.equal(await typeErrors(cell), '')
  write('inner/deep.ts', "export const depth: string = 'deep'")
  assert.match(await typeErrors(cell), /'string' is not assignable to type 'number'/)
})

test('a file that comes, and one that goes', async () => {
  assert.match(await typeErrors("import { fresh } from './fresh.ts'"), /Cannot find module '\.\/fresh\.ts'/)
  write('fresh.ts', 'export const fresh: number = 1')
  assert.match(await typeErrors("import { fresh } from './fresh.ts'\nconst text: string = fresh"), /'number' is not assignable to type 'string'/)
  rmSync(join(cwd, 'fresh.ts'))
  assert.match(await typeErrors("import { fresh } from './fresh.ts'"), /Cannot find module '\.\/fresh\.ts'/)
})

test('after %cd, imports and types are those of the other folder', async () => {
  write('other/near.ts', 'export const near: string[] = [__dirname]')
  const [elsewhere, bare] = [join(cwd, 'other'), realpathSync(mkdtempSync(join(tmpdir(), 'hone-cd-')))]
  await run(kernel, `%cd ${elsewhere}`)
  assert.equal(await typeErrors("import { near } from './near.ts'\nconst there: string = near[0] + import.meta.dirname"), '')
  for (const folder of [bare, dirname(bare)]) {
    await run(kernel, `%cd ${folder}`)
    assert.equal(await typeErrors('const place: string = __dirname'), '')
  }
  await run(kernel, `%cd ${cwd}`)
})

test('a tsconfig.json that changes counts at once; baseUrl too', async () => {
  write('tsconfig.json', '{ "compilerOptions": { "baseUrl": "./inner", "strict": false } }')
  const errors = await typeErrors("import { depth } from 'deep'\nconst n: number = depth\nconst loose: number = null")
  assert.match(errors, /:2:7 Type 'string' is not assignable to type 'number'/)
  assert.equal(errors.match(/TS\d+/g)?.length, 1)
})
