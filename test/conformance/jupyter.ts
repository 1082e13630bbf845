import { execFile, type ExecFileException } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The project's folder. */
export const ROOT = path.resolve(import.meta.dirname, '..', '..', '..')
/** A Python environment with the real front ends, which `set-up.ts` makes. */
export const ENVIRONMENT = path.join(ROOT, '.cache', 'python')
/** The packages in it; its copy in the environment says that all of them are there. */
export const REQUIREMENTS = path.join(ROOT, 'test', 'conformance', 'requirements.txt')

const PROGRAMS = path.join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts' : 'bin')

/** Why a test that needs Jupyter is skipped, or false where it can run. */
export const skip = isSetUp() ? false : 'Jupyter is not set up here: npm run test:conformance and npm run test:browser do that'

export function isSetUp(): boolean {
  try {
    return readFileSync(path.join(ENVIRONMENT, 'requirements.txt'), 'utf8') === readFileSync(REQUIREMENTS, 'utf8')
  } catch {
    return false
  }
}

/** A program of the environment. */
export function program(name: string): string {
  return path.join(PROGRAMS, name)
}

/** Variables with which Jupyter sees nothing but this environment, and keeps what it writes in `home`: no settings, kernels or history of the person. */
export function variables(home = path.join(ENVIRONMENT, 'home')): NodeJS.ProcessEnv {
  mkdirSync(home, { recursive: true })
  const folders = ['JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR', 'IPYTHONDIR']
  return {
    ...process.env,
    ...Object.fromEntries(folders.map((name) => [name, path.join(home, name)])),
    JUPYTER_PATH: '',
    PATH: `${PROGRAMS}${path.delimiter}${process.env.PATH}`,
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
  }
}

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
export function run(name: string, args: readonly string[], { cwd = ROOT, input = '' }: RunOptions = {}): Promise<Finished> {
  return new Promise((resolve) => {
    const options = { cwd, env: variables(), timeout: 120_000, maxBuffer: 1e8 }
    const child = execFile(program(name), args, options, (error: ExecFileException | null, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null
      resolve({ code, output: stdout + stderr })
    })
    child.stdin?.end(input)
  })
}

/** Registers this copy of hone, on the Node that runs now, in the environment. */
export async function registerKernel(): Promise<void> {
  const { installKernelspec } = await import('../../kernel/install.ts')
  installKernelspec({ prefix: ENVIRONMENT })
}
