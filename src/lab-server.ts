import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { installKernelspec } from '../kernel/install.ts'
import { program, variables } from './python.ts'

/** The packages that a JupyterLab server needs (python.ts installs them). */
export const JUPYTERLAB = ['jupyterlab==4.6.*']

/** Without this JupyterLab asks whether to fetch news from the network. */
const NOTIFICATIONS = { fetchNews: 'false', checkForUpdates: false }

export interface LabOptions {
  /** Where the notebooks lie. */
  folder: string
  /** Where settings, and the kernel's registration, are kept. */
  home: string
  args: readonly string[]
  stdio: StdioOptions
}

/** Starts JupyterLab on a folder, with this copy of the kernel. */
export function startLab({ folder, home, args, stdio }: LabOptions): ChildProcess {
  const env = variables(home)
  installKernelspec({ prefix: home })
  const notifications = path.join(env.JUPYTERLAB_SETTINGS_DIR!, '@jupyterlab', 'apputils-extension', 'notification.jupyterlab-settings')
  if (!existsSync(notifications)) {
    mkdirSync(path.dirname(notifications), { recursive: true })
    writeFileSync(notifications, JSON.stringify(NOTIFICATIONS))
  }
  // Jupyter refuses to run as root, which in a container is who one is
  const asRoot = process.getuid?.() === 0 ? ['--allow-root'] : []
  return spawn(program('jupyter'), ['lab', `--ServerApp.root_dir=${folder}`, ...asRoot, ...args], { env, cwd: folder, stdio })
}
