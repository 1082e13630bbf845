import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { PROTOCOL_VERSION, type Header, type Message, type Request } from './protocol.ts'

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol */
const DELIMITER = '<IDS|MSG>'

/** The key that both sides of a connection share, and what they make with it. An empty key turns signatures off. */
export interface Signer {
  key: string
  signature_scheme: string
}

function sign({ key, signature_scheme }: Signer, parts: Uint8Array[]): string {
  if (key === '') return ''
  const hmac = createHmac(signature_scheme.slice('hmac-'.length), key)
  for (const part of parts) hmac.update(part)
  return hmac.digest('hex')
}

function sameSignature(expected: string, received: Uint8Array): boolean {
  const bytes = Buffer.from(expected)
  return bytes.length === received.length && timingSafeEqual(bytes, received)
}

/**
 * Turns the frames of one multipart message into a request.
 * Throws an Error when a frame is missing, the signature is wrong or a part is not a JSON object.
 */
export function decode(frames: Uint8Array[], signer: Signer): Request {
  const delimiter = frames.findIndex((frame) => frame.length === DELIMITER.length && Buffer.from(frame).toString() === DELIMITER)
  if (delimiter < 0 || frames.length < delimiter + 6) throw new Error('frames are missing')
  const parts = frames.slice(delimiter + 2, delimiter + 6)
  if (!sameSignature(sign(signer, parts), frames[delimiter + 1])) throw new Error('the signature is wrong')
  const [header, parent_header, metadata, content] = parts.map(parseObject)
  if (typeof header.msg_id !== 'string' || typeof header.msg_type !== 'string') throw new Error('the header has no msg_id or msg_type')
  return {
    identities: frames.slice(0, delimiter),
    header: header as unknown as Header,
    parent_header: parent_header as Partial<Header>,
    metadata,
    content,
    buffers: frames.slice(delimiter + 6),
  }
}

function parseObject(part: Uint8Array): Record<string, unknown> {
  const value = parseJson(part)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a part is not a JSON object')
  return value as Record<string, unknown>
}

function parseJson(part: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(part).toString())
  } catch (error) {
    throw new Error('a part is not JSON', { cause: error })
  }
}

/** A content that is already JSON text goes out as it is. */
export interface Outgoing extends Omit<Message, 'content'> {
  content: object | string
}

/** The frames of a message: routing identities, delimiter, signature, the four signed parts, buffers. */
export function encode(message: Outgoing, signer: Signer, identities: Uint8Array[] = []): Uint8Array[] {
  const { header, parent_header, metadata, content, buffers } = message
  const parts = [header, parent_header, metadata, content].map((part) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)),
  )
  return [...identities, Buffer.from(DELIMITER), Buffer.from(sign(signer, parts)), ...parts, ...buffers]
}

export function createHeader(msg_type: string, session: string, username: string): Header {
  return { msg_id: randomUUID(), msg_type, session, username, date: new Date().toISOString(), version: PROTOCOL_VERSION }
}
