import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { optional } from '../../lib/optional.ts'
import { temporaryFolder } from './data/folder.ts'

test('a package that is not there is named, with the way to get it', (t) => {
  assert.throws(() => optional('danfojs-node', [temporaryFolder(t)]), {
    message: 'The package danfojs-node is not installed: hone works without it, but not this part. Run `npm install danfojs-node`.',
  })
})

test("a copy in the program's own folder serves where hone has none, and its own errors are not taken for its absence", (t) => {
  const [empty, project] = [temporaryFolder(t), temporaryFolder(t)]
  const place = join(project, 'node_modules', 'some-package')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'index.js'), 'exports.answer = 42')
  assert.deepEqual(optional('some-package', [empty, project]), { answer: 42 })
  const broken = join(project, 'node_modules', 'broken-package')
  mkdirSync(broken)
  writeFileSync(join(broken, 'index.js'), "require('what-it-needs')")
  assert.throws(() => optional('broken-package', [empty, project]), /Cannot find module 'what-it-needs'/)
})
