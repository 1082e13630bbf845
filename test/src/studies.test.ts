import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { textOf } from '../../lib/report/notebook.ts'
import { studies } from '../../lib/report/studies/index.ts'
import { readNotebook } from '../../src/notebook.ts'
import { declaredParameters } from '../../src/parameters.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const FOLDER = path.join(ROOT, 'notebooks', 'studies')
const names = readdirSync(FOLDER).filter((file) => file.endsWith('.ipynb')).map((file) => path.basename(file, '.ipynb'))
const codeOf = (name: string) => readNotebook(path.join(FOLDER, `${name}.ipynb`)).cells.filter((cell) => cell.cell_type === 'code').map(({ source }) => textOf(source)).join('\n')

test('each study has a notebook, and each notebook its study', () => {
  assert.deepEqual(names.toSorted(), Object.keys(studies).toSorted())
})

for (const name of names) {
  test(`${name}: every claim of the definition is recorded, and ends in the table`, () => {
    const code = codeOf(name)
    const recorded = new Set(Array.from(code.matchAll(/claims\.record\('([^']+)'/g), ([, id]) => id))
    const ids = Object.keys(studies[name as keyof typeof studies].claims)
    assert.deepEqual(ids.filter((id) => !recorded.has(id) && id !== 'vgg.script.gpu'), [])
    assert.match(code, /\nclaims$/)
    assert.deepEqual(declaredParameters(readNotebook(path.join(FOLDER, `${name}.ipynb`))).map((parameter) => parameter.name), ['profile', 'device', 'seed'])
  })
}

test('the cells of the studies have no type errors', async () => {
  const folder = path.join(ROOT, 'dist', 'studies')
  mkdirSync(folder, { recursive: true })
  try {
    for (const name of names) writeFileSync(path.join(folder, `${name}.ts`), `import type { Display } from '../kernel/provided.js'\ndeclare const display: Display\n${codeOf(name)}\nexport {}\n`)
    const compilerOptions = { noEmit: true, target: 'esnext', lib: ['esnext', 'dom'], module: 'nodenext', types: ['node'], strict: true, skipLibCheck: true }
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: names.map((name) => `${name}.ts`) }))
    const found = await new Promise<string>((resolve) => execFile(process.execPath, [path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder], { encoding: 'utf8' }, (_, stdout) => resolve(stdout)))
    assert.equal(found, '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
