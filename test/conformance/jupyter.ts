import { execFile, type ExecFileException } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { installKernelspec } from '../../kernel/install.ts'
import { JUPYTERLAB } from '../../src/lab-server.ts'
import { isInstalled, program, ROOT, variables } from '../../src/python.ts'

/** The real front ends, and the protocol's tests. */
export const REQUIREMENTS = [...JUPYTERLAB, 'jupyter_client==8.10.*', 'jupyter_console==6.6.*', 'jupyter_kernel_test==0.7.*', 'nbconvert==7.17.*']

/** Why a test that needs Jupyter is skipped, or false where it can run. */
export const skip = isInstalled(REQUIREMENTS) ? false : 'Jupyter is not set up here: npm run test:conformance and npm run test:browser do that'

/** A folder of this process, so that tests of several copies of the project can run at once. */
const home = mkdtempSync(path.join(tmpdir(), 'hone-jupyter-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

/** What a program wrote, and its exit code (null when it was killed). */
export interface Finished {
  readonly code: number | null
  readonly output: string
}

interface RunOptions {
  readonly cwd?: string
  /** What is piped into it. */
  readonly input?: string
}

/** Runs a program of the environment to its end; it is killed after two minutes. */
export function run(name: string, args: readonly string[], options?: RunOptions): Promise<Finished> {
  return runFile(program(name), args, options)
}

/** Runs any program so. */
export function runFile(file: string, args: readonly string[], { cwd = ROOT, input = '' }: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve) => {
    const options = { cwd, env: variables(home), timeout: 120_000, maxBuffer: 1e8 }
    const child = execFile(file, args, options, (error: ExecFileException | null, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null
      resolve({ code, output: stdout + stderr })
    })
    child.stdin?.end(input)
  })
}

/** Registers this copy of hone, on the Node that runs now. */
export function registerKernel(): void {
  installKernelspec({ prefix: home })
}
