// Runs the compiled tests: node test/run.mjs [NAME ...]; a name is a part of a test file's path.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

/** What is quick and what everything stands on goes first. */
const ORDER = ['lib/graph', 'lib/', 'src/setup', 'src/', 'kernel/', 'conformance/', '']

const root = path.resolve(import.meta.dirname, '..')
const names = process.argv.slice(2)
const sources = readdirSync(path.join(root, 'test'), { recursive: true }).map((file) => file.replaceAll(path.sep, '/'))
const files = sources
  .filter((file) => file.endsWith('.test.ts') && (names.length === 0 || names.some((name) => file.includes(name))))
  .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  .map((file) => path.join(root, 'dist', 'test', file.replace(/\.ts$/, '.js')))

const unbuilt = files.filter((file) => !existsSync(file))
if (files.length === 0 || unbuilt.length > 0) {
  console.error(files.length === 0 ? `No test file has ${names.join(' or ')} in its path.` : `Not built: ${unbuilt.join(', ')}. Run npm run build.`)
  process.exit(1)
}

// a file that hangs is one that failed, and the others still run
run({ files, concurrency: 1, timeout: 600_000 })
  .on('test:fail', () => {
    process.exitCode = 1
  })
  .compose(new spec())
  .pipe(process.stdout)

function rank(file) {
  return ORDER.findIndex((start) => file.startsWith(start))
}
