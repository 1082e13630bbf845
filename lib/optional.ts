import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * A package that hone works without: hone's own copy, or else the one of the folder that the program runs in.
 * @throws Error where neither is there, with the way to get it.
 */
export function optional<Package>(name: string, folders: readonly string[] = [import.meta.dirname, process.cwd()]): Package {
  const require = folders.map((folder) => createRequire(join(folder, 'package.json'))).find((candidate) => finds(candidate, name))
  if (!require) throw new Error(`The package ${name} is not installed: hone works without it, but not this part. Run \`npm install ${name}\`.`)
  return require(name) as Package
}

function finds(require: NodeJS.Require, name: string): boolean {
  try {
    require.resolve(name)
    return true
  } catch {
    return false
  }
}
