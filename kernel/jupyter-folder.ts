import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where this person's kernels and their data are. https://docs.jupyter.org/en/latest/use/jupyter-directories.html#data-files */
export function jupyterDataFolder(): string {
  const { JUPYTER_DATA_DIR, XDG_DATA_HOME, APPDATA } = process.env
  if (JUPYTER_DATA_DIR) return JUPYTER_DATA_DIR
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Jupyter')
  if (process.platform === 'win32') return join(APPDATA ?? join(homedir(), 'AppData', 'Roaming'), 'jupyter')
  return join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'jupyter')
}
