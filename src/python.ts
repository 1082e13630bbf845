import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from './usage.ts'

/** A Python environment of the project's own, in which Jupyter's front ends run. */

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
export const ENVIRONMENT = path.join(ROOT, '.cache', 'python')
const PROGRAMS = path.join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts' : 'bin')
/** What has been installed, as it was asked for. */
const RECORD = path.join(ENVIRONMENT, 'installed.json')

const OLDEST = [3, 10]
const CANDIDATES = ['python3', 'python', 'python3.14', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'py']
/** Prints the version; fails where environments cannot be made. */
const PROBE = 'import sys; print(*sys.version_info[:2]); import venv, ensurepip'

/** A program of the environment. */
export function program(name: string): string {
  return path.join(PROGRAMS, process.platform === 'win32' ? `${name}.exe` : name)
}

/** Whether the packages are there, as `install` was asked for them. */
export function isInstalled(requirements: readonly string[]): boolean {
  const installed = existsSync(program('python')) ? record() : []
  return requirements.every((requirement) => installed.includes(requirement))
}

/** Installs packages into the environment and makes it where it is not there. Throws a UsageError that says what is missing. */
export function install(requirements: readonly string[]): void {
  if (spawnSync(program('python'), ['-m', 'pip', '--version']).status !== 0) create()
  run(program('python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements])
  writeFileSync(RECORD, JSON.stringify([...new Set([...record(), ...requirements])]))
}

function record(): string[] {
  return existsSync(RECORD) ? (JSON.parse(readFileSync(RECORD, 'utf8')) as string[]) : []
}

function create(): void {
  const python = findPython()
  rmSync(ENVIRONMENT, { recursive: true, force: true })
  run(python, ['-m', 'venv', ENVIRONMENT])
  // JupyterLab has scripts for Node in it, which are no modules as this project's are
  writeFileSync(path.join(ENVIRONMENT, 'package.json'), '{ "type": "commonjs" }\n')
}

function findPython(): string {
  const found = CANDIDATES.map((command) => {
    const { status, stdout } = spawnSync(command, ['-c', PROBE], { encoding: 'utf8' })
    const [major, minor] = (stdout ?? '').split(' ').map(Number)
    return { command, version: `${major}.${minor}`, isThere: Boolean(stdout), isNew: major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]), isWhole: status === 0 }
  })
  const usable = found.find(({ isNew, isWhole }) => isNew && isWhole)
  if (usable !== undefined) return usable.command
  const bare = found.find(({ isNew }) => isNew)
  if (bare !== undefined) throw new UsageError(`Python ${bare.version} is here without its venv module, which JupyterLab is set up with. On Debian and Ubuntu: apt-get install python3-venv.`)
  const old = found.find(({ isThere }) => isThere)
  throw new UsageError(`JupyterLab needs Python ${OLDEST.join('.')} or newer, and ${old ? `only ${old.version}` : 'none'} was found on the PATH. Get it from https://www.python.org/downloads, or on Debian: apt-get install python3 python3-venv.`)
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new UsageError(`${[path.basename(command), ...args.slice(0, 3)].join(' ')} failed${error ? `: ${error.message}` : ', for the reason above'}. Mend that and run this again.`)
}

/** Variables with which Jupyter sees the environment and the kernels registered under `home` alone, and keeps what it writes in `home`: no settings, kernels or history of the person. */
export function variables(home: string): NodeJS.ProcessEnv {
  mkdirSync(home, { recursive: true })
  const folders = ['JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR', 'IPYTHONDIR']
  return {
    ...process.env,
    ...Object.fromEntries(folders.map((name) => [name, path.join(home, name)])),
    JUPYTER_PATH: path.join(home, 'share', 'jupyter'),
    PATH: `${PROGRAMS}${path.delimiter}${process.env.PATH}`,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
  }
}
