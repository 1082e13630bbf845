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
  node(root, ['typescript/bin/tsc', '-p', tests ? 'tsconfig.json' : 'src/tsconfig.json'], 'The sources do not compile, for the reasons above.')
  writeFileSync(stamp, '')
  utimesSync(stamp, started, started)
  say(`Built in ${((performance.now() - clock) / 1000).toFixed(1)} s.`)
}

/** Checks the style of the sources and the arrows between their folders. @param {string} root */
export function lint(root) {
  node(root, ['oxlint/bin/oxlint', '--deny-warnings', '--quiet'], 'The sources break a rule of .oxlintrc.json, see above.')
  const arrows = ['dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.json', 'dist/kernel', 'dist/lib', 'dist/src']
  node(root, arrows, 'An import goes against the arrows of .dependency-cruiser.json, see above.')
}

function node(root, [script, ...args], sentence) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'node_modules', script), ...args], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${stdout}${stderr}${sentence}`)
}

/** When a file, or any in a folder, was last changed. */
function newest(place) {
  const entry = statSync(place, { throwIfNoEntry: false })
  if (!entry) return 0
  return entry.isDirectory() ? Math.max(entry.mtimeMs, ...readdirSync(place).map((name) => newest(path.join(place, name)))) : entry.mtimeMs
}
