import { spawnSync } from 'node:child_process'
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const INPUTS = ['kernel', 'lib', 'src', 'test', 'tsconfig.json', 'package-lock.json']

/**
 * Compiles into dist/ what is newer there than the last build: what `hone` runs, or with `tests` everything (tests import optional packages).
 * @param {string} root
 * @param {{ tests: boolean, say: (line: string) => void }} options
 */
export function build(root, { tests, say }) {
  const [everything, product] = ['.built', '.built-product'].map((name) => path.join(root, 'dist', name))
  const changed = Math.max(...INPUTS.map((name) => newest(path.join(root, name))))
  const stamp = tests ? everything : product
  if ([everything, stamp].some((file) => newest(file) > changed)) return
  const [started, clock] = [new Date(), performance.now()]
  const compiler = ['node_modules/typescript/bin/tsc', '-p', tests ? 'tsconfig.json' : 'src/tsconfig.json']
  const { status, stdout } = spawnSync(process.execPath, compiler, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${stdout}The sources do not compile, for the reasons above.`)
  writeFileSync(stamp, '')
  utimesSync(stamp, started, started)
  say(`Built in ${((performance.now() - clock) / 1000).toFixed(1)} s.`)
}

/** When a file, or any in a folder, was last changed. */
function newest(place) {
  const entry = statSync(place, { throwIfNoEntry: false })
  if (!entry) return 0
  return entry.isDirectory() ? Math.max(entry.mtimeMs, ...readdirSync(place).map((name) => newest(path.join(place, name)))) : entry.mtimeMs
}
