import { spawnSync } from 'node:child_process'
import path from 'node:path'

/** Runs npm in a folder. @param {string} root @param {string[]} args @returns {{ status: number | null, output: string }} */
export function npm(root, args) {
  const [command, first] = npmCommand()
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const { status, stdout, stderr, error } = spawnSync(command, [...first, ...args], { cwd: root, env, encoding: 'utf8', shell: command === 'npm.cmd' })
  return { status, output: (error ? error.message : stdout + stderr).trim() }
}

/** The npm that called us, or the one of this Node. */
function npmCommand() {
  const running = process.env.npm_execpath
  if (running && path.basename(running) === 'npm-cli.js') return [process.execPath, [running]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []]
}
