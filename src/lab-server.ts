import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { installKernelspec } from '../kernel/install.ts'
import { program, variables } from './python.ts'

/** The packages that a JupyterLab server needs (python.ts installs them). */
export const JUPYTERLAB = ['jupyterlab==4.6.*']

/** Settings of JupyterLab by the plugin that they belong to; a person's own are left alone. */
const SETTINGS = {
  // else it asks whether to fetch news from the network
  'apputils-extension/notification': { fetchNews: 'false', checkForUpdates: false },
  'completer-extension/manager': { showDocumentationPanel: true },
}

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
  for (const [plugin, settings] of Object.entries(SETTINGS)) {
    const file = path.join(env.JUPYTERLAB_SETTINGS_DIR!, '@jupyterlab', `${plugin}.jupyterlab-settings`)
    if (existsSync(file)) continue
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, JSON.stringify(settings))
  }
  // Jupyter refuses to run as root, which in a container is who one is
  const asRoot = process.getuid?.() === 0 ? ['--allow-root'] : []
  return spawn(program('jupyter'), ['lab', `--ServerApp.root_dir=${folder}`, ...asRoot, ...args], { env, cwd: folder, stdio })
}
