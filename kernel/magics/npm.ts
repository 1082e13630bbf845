import { existsSync } from 'node:fs'
import { join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { HOME, manifestOf } from '../modules/resolution.ts'
import { above } from '../tsconfig.ts'
import type { Magic, MagicContext } from './magic.ts'
import { inShell, runCommand } from './shell.ts'

/** Commands that add to a project. */
const INSTALLING = /^\s*(?:i|install|add)\b(?!.*\s(?:-g|--global|--prefix)\b)/
/** Commands that change one. */
const CHANGING = /^\s*(?:un|uninstall|r|rm|remove|unlink|up|update|upgrade|ci|prune|dedupe|ddp|link|ln|rebuild|rb|version|pkg)\b/
/** What a shell answers where it finds no such command. */
const NOT_FOUND = 127

export const npm: Magic = {
  name: 'npm',
  summary: "run npm in the notebook's project; what it installs can be imported at once",
  usage: "%npm install NAME, %npm install -D NAME, %npm uninstall NAME, %npm ls, ...: as on the command line. The project is that of the nearest package.json; where there is none, the notebook's folder becomes one.",
  async line(argument, context) {
    await enterProject(argument, context)
    const exitCode = await runCommand(inShell(`npm --no-fund --no-audit ${argument}`), context.signal, context.write)
    if (exitCode === NOT_FOUND) throw new Error('npm is not installed here, or not in PATH. It comes with Node: https://nodejs.org')
    if (exitCode !== 0) throw new Error(`npm ended with exit code ${exitCode}.`)
    warnOfOld(context)
    if (INSTALLING.test(argument)) adviseTypes(argument, context)
  },
}

/** Nothing is ever installed into the project of the kernel itself. */
async function enterProject(argument: string, { print }: MagicContext): Promise<void> {
  const manifest = above(process.cwd(), 'package.json')
  if (manifest !== undefined && manifest !== join(HOME, 'package.json')) return
  if (CHANGING.test(argument)) throw new Error('There is no package.json here or in a folder above. %npm install NAME makes one.')
  if (!INSTALLING.test(argument)) return
  const path = join(process.cwd(), 'package.json')
  await writeFileAtomic(path, '{\n  "private": true\n}\n')
  print(`There was no package.json: ${path} has been written, so that packages are installed in this folder.\n`)
}

/** Node keeps what it has imported. */
function warnOfOld({ packages, print }: MagicContext): void {
  for (const [folder, version] of packages) {
    const installed = manifestOf(folder)
    if (installed !== undefined && installed.version !== version) print(`${installed.name} ${version} has been imported already. Restart the kernel to use ${installed.version}.\n`)
  }
}

/** The word for a package with its version. */
const PACKAGE = /^((?:@[^/@\s]+\/)?[a-z0-9][^/@:\s]*)(?:@.*)?$/

function adviseTypes(argument: string, { print }: MagicContext): void {
  const names = argument.split(/\s+/).slice(1).flatMap((word) => PACKAGE.exec(word)?.[1] ?? [])
  for (const name of names) {
    const folder = above(process.cwd(), join('node_modules', name))
    const typesName = `@types/${name.replace('@', '').replace('/', '__')}`
    if (folder === undefined || hasTypes(folder) || above(process.cwd(), join('node_modules', typesName)) !== undefined) continue
    print(`${name} brings no types. If others have written some: %npm install -D ${typesName}\n`)
  }
}

function hasTypes(folder: string): boolean {
  const { types, typings, exports } = manifestOf(folder) ?? {}
  return types !== undefined || typings !== undefined || existsSync(join(folder, 'index.d.ts')) || JSON.stringify(exports ?? '').includes('.d.')
}
