import type { Request } from './protocol.ts'

type Fields = Readonly<Record<string, 'string' | 'number'>>

const position: Fields = { code: 'string', cursor_pos: 'number' }
const comm: Fields = { comm_id: 'string' }

/** What contents must hold; the rest may be left out. https://jupyter-client.readthedocs.io/en/stable/messaging.html */
const REQUIRED: Readonly<Record<string, Fields>> = {
  execute_request: { code: 'string' },
  complete_request: position,
  inspect_request: position,
  is_complete_request: { code: 'string' },
  history_request: { hist_access_type: 'string' },
  delete_subshell_request: { subshell_id: 'string' },
  comm_open: { ...comm, target_name: 'string' },
  comm_msg: comm,
  comm_close: comm,
}

/** Throws an Error that names the first field which the request lacks, or which is of another type. */
export function checkContent({ header: { msg_type: type }, content }: Request): void {
  for (const [field, wanted] of Object.entries(REQUIRED[type] ?? {})) {
    if (typeof content[field] !== wanted) throw new MalformedRequest(`${type}: "${field}" must be a ${wanted}.`)
  }
}

class MalformedRequest extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MalformedRequest'
  }
}
