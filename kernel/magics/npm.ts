import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeWhole } from '../../lib/files.ts'
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
  words: () => ['install', 'uninstall', 'update', 'list', 'outdated', 'view'],
  async line(argument, context) {
    const { packages, signal, write, print } = context
    await enterProject(argument, print)
    const listed = new Set(dependencies())
    const versions = [...packages].map(([folder, imported]) => ({ folder, imported, before: manifestOf(folder)?.version }))
    const exitCode = await runCommand(inShell(`npm --no-fund --no-audit ${argument}`), signal, write)
    if (exitCode === NOT_FOUND) throw new Error('npm is not installed here, or not in PATH. It comes with Node: https://nodejs.org')
    if (exitCode !== 0) throw new Error(`npm ended with exit code ${exitCode}.`)
    for (const { folder, imported, before } of versions) {
      const { name, version = before } = manifestOf(folder) ?? {}
      if (version !== before && version !== imported) print(`${name} ${imported} has been imported already. Restart the kernel to use ${version}.\n`)
    }
    for (const name of dependencies()) if (!listed.has(name)) adviseTypes(name, print)
  },
}

type Print = MagicContext['print']

/** Nothing is ever installed into the project of the kernel itself. */
async function enterProject(argument: string, print: Print): Promise<void> {
  const manifest = above(process.cwd(), 'package.json')
  if (manifest !== undefined && manifest !== join(HOME, 'package.json')) return
  if (CHANGING.test(argument)) throw new Error('There is no package.json here or in a folder above. %npm install NAME makes one.')
  if (!INSTALLING.test(argument)) return
  const path = join(process.cwd(), 'package.json')
  await writeWhole(path, '{\n  "private": true\n}\n')
  print(`There was no package.json: ${path} has been written, so that packages are installed in this folder.\n`)
}

/** The packages that the project's package.json names. */
function dependencies(): string[] {
  const manifest = above(process.cwd(), 'package.json')
  const { dependencies, devDependencies } = (manifest && manifestOf(dirname(manifest))) || {}
  return Object.keys({ ...dependencies, ...devDependencies })
}

function adviseTypes(name: string, print: Print): void {
  const folder = above(process.cwd(), join('node_modules', name))
  const typesName = `@types/${name.replace('@', '').replace('/', '__')}`
  if (folder === undefined || hasTypes(folder) || above(process.cwd(), join('node_modules', typesName)) !== undefined) return
  print(`${name} brings no types. If others have written some: %npm install -D ${typesName}\n`)
}

function hasTypes(folder: string): boolean {
  const { types, typings, exports } = manifestOf(folder) ?? {}
  return types !== undefined || typings !== undefined || existsSync(join(folder, 'index.d.ts')) || JSON.stringify(exports ?? '').includes('.d.')
}
