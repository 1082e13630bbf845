import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWholeSync } from '../lib/files.ts'
import { kernelArguments, kernelEnvironment } from './command.ts'
import { jupyterDataFolder } from './jupyter-folder.ts'
import { PROTOCOL_VERSION } from './protocol.ts'

export interface InstallOptions {
  /** Install for this user: what happens when no prefix is given. */
  user?: boolean
  /** A folder such as a virtual environment; its share/jupyter is used. */
  prefix?: string
}

/**
 * Registers the kernel with Jupyter and answers with the folder of its kernelspec.
 * https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs
 */
export function installKernelspec({ user = false, prefix }: InstallOptions = {}): string {
  if (user && prefix !== undefined) throw new Error('Install for the user or under a prefix, not both.')
  const data = prefix === undefined ? jupyterDataFolder() : join(prefix, 'share', 'jupyter')
  const folder = join(data, 'kernels', 'hone')
  const specification = {
    argv: [process.execPath, ...kernelArguments('{connection_file}')],
    env: kernelEnvironment,
    display_name: 'TypeScript (hone)',
    language: 'typescript',
    interrupt_mode: 'message',
    kernel_protocol_version: PROTOCOL_VERSION,
    metadata: { debugger: false },
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'logo-svg.svg'), LOGO)
  writeWholeSync(join(folder, 'kernel.json'), `${JSON.stringify(specification, null, 2)}\n`)
  return folder
}

const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
  <rect width="64" height="64" rx="10" fill="#274b6d"/>
  <path d="M10 44 L54 30 L54 38 L10 52 Z" fill="#e8b04a"/>
  <text x="32" y="28" font-family="sans-serif" font-size="22" font-weight="bold" text-anchor="middle" fill="#fff">TS</text>
</svg>
`
