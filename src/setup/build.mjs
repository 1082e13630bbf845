import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Compiles the sources into dist/ where one is newer than the last build. @param {string} root @param {(line: string) => void} say */
export function build(root, say) {
  const stamp = path.join(root, 'dist', '.built')
  const inputs = ['kernel', 'lib', 'src', 'test', 'tsconfig.json', 'package-lock.json'].map((name) => path.join(root, name))
  if (existsSync(stamp) && Math.max(...inputs.map(newest)) <= statSync(stamp).mtimeMs) return
  const [started, clock] = [new Date(), performance.now()]
  node(root, ['typescript/bin/tsc', '-p', 'tsconfig.json'], 'The sources do not compile, for the reasons above.')
  mkdirSync(path.dirname(stamp), { recursive: true })
  writeFileSync(stamp, `${started.toISOString()}\n`)
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
