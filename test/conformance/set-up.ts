import { spawnSync } from 'node:child_process'
import { copyFileSync, rmSync } from 'node:fs'
import { ENVIRONMENT, isSetUp, program, REQUIREMENTS } from './jupyter.ts'

/** Makes the Python environment with JupyterLab, nbconvert, the console and the protocol's tests, unless it is there. */

/** Python 3.10 or newer that can make environments. */
const USABLE = 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)'
const CANDIDATES = ['python3', 'python', 'python3.13', 'python3.12', 'python3.11', 'python3.10']

function setUp(): void {
  const python = CANDIDATES.find((candidate) => spawnSync(candidate, ['-c', USABLE]).status === 0)
  if (python === undefined) {
    throw new Error('Real front ends need Python 3.10 or newer with its venv module, and none was found. On Debian: apt-get install python3-venv.')
  }
  console.log(`Setting up Jupyter in ${ENVIRONMENT} ...`)
  rmSync(ENVIRONMENT, { recursive: true, force: true })
  execute(python, ['-m', 'venv', ENVIRONMENT])
  execute(program('python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--requirement', REQUIREMENTS])
  copyFileSync(REQUIREMENTS, `${ENVIRONMENT}/requirements.txt`)
}

function execute(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`Jupyter could not be set up: ${[command, ...args].join(' ')} failed, see above.`)
}

try {
  if (!isSetUp()) setUp()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
