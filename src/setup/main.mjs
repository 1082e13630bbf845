import path from 'node:path'
import { build } from './build.mjs'
import { install } from './install.mjs'
import { npm } from './npm.mjs'

/**
 * Installs, builds, and with `--check` also installs what only tests need and checks the style. What is done already is not done again, and
 * nothing outside the project's folder is touched.
 * @param {string[]} args `--check`, `--quiet`, `--omit=optional` (which npm also hands on from its own command line or configuration)
 * @returns {number} the exit code
 */
export function setup(args) {
  const root = path.resolve(import.meta.dirname, '../..')
  const say = args.includes('--quiet') ? () => {} : (line) => console.log(line)
  const check = args.includes('--check')
  const omitted = args.includes('--omit=optional') || /\boptional\b/.test(process.env.npm_config_omit ?? '')
  try {
    install(root, { optional: check ? 'wanted' : omitted ? 'omitted' : 'as found', say })
    build(root, { tests: check, say })
    if (check) lint(root)
    return 0
  } catch (error) {
    console.error(error.message)
    return 1
  }
}

/** Checks the style of the sources and the arrows between their folders. */
function lint(root) {
  const { status, output } = npm(root, ['run', '--silent', 'lint'])
  if (status !== 0) throw new Error(`${output}\nThe sources break a rule of style or of the arrows between folders, see above.`)
}
