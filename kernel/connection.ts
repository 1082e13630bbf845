import { readFileSync } from 'node:fs'
import type { Channel } from './protocol.ts'

/** The content of a Jupyter connection file. https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files */
export interface Connection {
  transport: string
  ip: string
  shell_port: number
  control_port: number
  stdin_port: number
  iopub_port: number
  hb_port: number
  key: string
  signature_scheme: string
  kernel_name?: string
}

export const CHANNELS: Channel[] = ['shell', 'control', 'stdin', 'iopub', 'hb']

/** Reads a connection file. Throws an Error that names the file and the field when it is not one. */
export function readConnection(path: string): Connection {
  let connection: Connection
  try {
    connection = JSON.parse(readFileSync(path, 'utf8')) as Connection
  } catch (error) {
    throw new Error(`${path}: not a readable connection file (${(error as Error).message}).`, { cause: error })
  }
  for (const channel of CHANNELS) {
    if (!Number.isInteger(connection[`${channel}_port`])) {
      throw new Error(`${path}: ${channel}_port is missing or not a whole number. Let Jupyter or "hone run" write this file.`)
    }
  }
  const scheme = connection.signature_scheme ?? 'hmac-sha256'
  if (!scheme.startsWith('hmac-')) throw new Error(`${path}: unknown signature_scheme "${scheme}"; only hmac-* is known.`)
  return { ...connection, key: connection.key ?? '', signature_scheme: scheme }
}

/** The ZeroMQ address of a channel. Ports are suffixes of a file name under the ipc transport. */
export function address(connection: Connection, channel: Channel): string {
  const separator = connection.transport === 'ipc' ? '-' : ':'
  return `${connection.transport}://${connection.ip}${separator}${connection[`${channel}_port`]}`
}
