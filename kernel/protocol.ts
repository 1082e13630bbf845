/** The version of the Jupyter messaging protocol that the kernel speaks. https://jupyter-client.readthedocs.io/en/stable/messaging.html */
export const PROTOCOL_VERSION = '5.4'

export interface Header {
  msg_id: string
  msg_type: string
  session: string
  username: string
  date: string
  version: string
  /** Where a request of the shell channel is for another subshell than the main one. */
  subshell_id?: string | null
}

export interface Message {
  header: Header
  parent_header: Partial<Header>
  metadata: Record<string, unknown>
  content: Record<string, unknown>
  buffers: Uint8Array[]
}

/** A message as it came from a socket, with the routing frames that its reply must carry. */
export interface Request extends Message {
  identities: Uint8Array[]
}

export type Channel = 'shell' | 'control' | 'stdin' | 'iopub' | 'hb'

/** What a shell client learns about the outcome of a cell. */
export interface ExecuteReply {
  status: 'ok' | 'error' | 'aborted'
  execution_count: number
  ename?: string
  evalue?: string
  traceback?: string[]
  user_expressions?: Record<string, unknown>
  payload?: unknown[]
}
