import type { Magic } from './magic.ts'
import { inShell, runCommand } from './shell.ts'

export const npm: Magic = {
  name: 'npm',
  summary: "run npm in the notebook's folder; what it installs can be imported at once",
  usage: '%npm install NAME, %npm list, ...: as on the command line.',
  words: () => ['install', 'uninstall', 'update', 'list', 'outdated', 'view'],
  async line(argument, { signal, write }) {
    const exitCode = await runCommand(inShell(`npm ${argument} --no-fund --no-audit`), signal, write)
    if (exitCode !== 0) throw new Error(`npm ended with exit code ${exitCode}.`)
  },
}
