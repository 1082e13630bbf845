import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plainTraceback, run, startKernel, type Outcome } from './harness.ts'

const packages = realpathSync(mkdtempSync(join(tmpdir(), 'hone-packages-')))
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'hone-npm-')))
const kernel = await startKernel({ cwd: folder })

/** A package as `npm pack` makes it. */
function pack(name: string, version: string, manifest: object, files: Record<string, string>): string {
  const place = join(packages, `${name}-${version}`)
  mkdirSync(join(place, 'package'), { recursive: true })
  writeFileSync(join(place, 'package', 'package.json'), JSON.stringify({ name, version, type: 'module', exports: './index.js', ...manifest }))
  for (const [path, content] of Object.entries(files)) writeFileSync(join(place, 'package', path), content)
  execFileSync('tar', ['czf', `${place}.tgz`, '-C', place, 'package'])
  return `${place}.tgz`
}

function succeeded(outcome: Outcome): Outcome {
  assert.equal(outcome.reply.status, 'ok', plainTraceback(outcome))
  return outcome
}

/** The type errors that keep a cell from running. */
async function typeErrors(code: string): Promise<string> {
  await run(kernel, '%typecheck strict')
  const { reply } = await run(kernel, code)
  await run(kernel, '%typecheck on')
  return reply.ename === 'TypeScriptError' ? reply.traceback!.join('\n') : ''
}

test("%npm install makes the notebook's folder a project where there is none, and a package importable and typed in the next cell", async () => {
  assert.match(plainTraceback(await run(kernel, "import { size } from 'little'")), /Cannot find package 'little'\. Run %npm install little/)
  assert.match(plainTraceback(await run(kernel, '%npm uninstall little')), /There is no package\.json here or in a folder above/)
  const { stdout } = succeeded(await run(kernel, `%npm install --offline ${pack('little', '1.0.0', { types: './index.d.ts' }, { 'index.js': 'export const size = 7', 'index.d.ts': 'export declare const size: number' })}`))
  assert.match(stdout, /There was no package\.json: .* has been written[^]*added 1 package/)
  assert.equal(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).private, true)
  assert.ok(existsSync(join(folder, 'node_modules', 'little', 'index.js')))
  assert.equal(succeeded(await run(kernel, "import { size } from 'little'\nsize")).result, '7')
  assert.match(await typeErrors("import { size } from 'little'\nconst text: string = size"), /'number' is not assignable to type 'string'/)
})

test('a newer version of what has been imported: its types are there at once, and the person is told to restart', async () => {
  const { stdout } = succeeded(await run(kernel, `%npm install --offline ${pack('little', '2.0.0', { types: './index.d.ts' }, { 'index.js': "export const size = 'big'", 'index.d.ts': 'export declare const size: string' })}`))
  assert.match(stdout, /little 1\.0\.0 has been imported already\. Restart the kernel to use 2\.0\.0\./)
  assert.equal((await run(kernel, "import { size } from 'little'\nsize")).result, '7')
  assert.equal(await typeErrors("import { size } from 'little'\nconst text: string = size"), '')
})

test('-D, ls and uninstall; a package without types is told of', async () => {
  const { stdout } = succeeded(await run(kernel, `%npm install -D --offline ${pack('plain', '1.0.0', {}, { 'index.js': 'export const x = 1' })}`))
  assert.match(stdout, /plain brings no types\. If others have written some: %npm install -D @types\/plain/)
  assert.ok('plain' in JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).devDependencies)
  assert.match(succeeded(await run(kernel, '%npm ls')).stdout, /little@2\.0\.0[^]*plain@1\.0\.0/)
  succeeded(await run(kernel, '%npm uninstall plain'))
  assert.match(plainTraceback(await run(kernel, "import { x } from 'plain'")), /Cannot find package 'plain'/)
  assert.match(plainTraceback(await run(kernel, '%npm nonsense')), /npm ended with exit code 1/)
})

test("a folder within the kernel's own project becomes a project of its own", async () => {
  const home = join(import.meta.dirname, '..', '..', '..')
  mkdirSync(join(home, 'reports'), { recursive: true })
  const own = mkdtempSync(join(home, 'reports', 'notebooks-'))
  after(() => rmSync(own, { recursive: true }))
  const before = readFileSync(join(home, 'package.json'), 'utf8')
  const inside = await startKernel({ cwd: own })
  succeeded(await run(inside, `%npm install --offline ${join(packages, 'little-2.0.0.tgz')}`))
  assert.ok(existsSync(join(own, 'node_modules', 'little')))
  assert.equal(readFileSync(join(home, 'package.json'), 'utf8'), before)
  assert.equal(succeeded(await run(inside, "import { size } from 'little'\nimport { passes } from 'honejs'\n;[size, typeof passes]")).result, "[ 'big', 'object' ]")
})

test('an install that hangs shows what it does, and is interrupted', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  after(() => silent.close())
  await new Promise((resolve) => silent.once('listening', resolve))
  const cell = run(kernel, `%npm install never --registry http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  await new Promise((resolve) => silent.once('connection', resolve))
  await sleep(50)
  await kernel.interrupt()
  assert.equal((await cell).reply.ename, 'Interrupted')
})
