import path from 'node:path'
import { build, lint } from './build.mjs'
import { install } from './install.mjs'

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
