import type { MessagePort } from 'node:worker_threads'
import type { HistoryEntry, HistoryQuery } from './history.ts'
import type { ExecuteReply } from './protocol.ts'
import type { Connection } from './connection.ts'

/** One cell on its way to the cell thread. */
export interface CellRequest {
  /** Its own, for there are clients that use a msg_id twice. */
  id: string
  /** Execution count: the number shown beside the cell. */
  count: number
  code: string
  silent: boolean
  allowStdin: boolean
  expressions: Record<string, string>
}

/** A message of a comm on its way to the cell thread. */
export interface CommRequest {
  id: string
  type: 'comm_open' | 'comm_msg' | 'comm_close'
  content: Record<string, unknown>
  metadata: Record<string, unknown>
  buffers: Uint8Array[]
}

/** What the protocol thread says to the cell thread. */
export type ToCellThread =
  | { type: 'execute'; cell: CellRequest }
  | { type: 'comm'; message: CommRequest }
  | { type: 'history'; question: number; entries: HistoryEntry[] }
  /** All that runs shall end. */
  | { type: 'interrupt' }
  /** All that runs has ended, whatever it does. */
  | { type: 'end'; isUrgent: boolean }
  | { type: 'exit' }

/** What the cell thread says to the protocol thread. Contents travel as JSON text, so that what is not JSON fails where it was made. */
export type ToProtocolThread =
  | { type: 'stream'; id: string; name: StreamName; text: string }
  | { type: 'publish'; id: string; messageType: string; json: string; extra?: Extra }
  | Question
  | { type: 'history'; question: number; query: HistoryQuery }
  | { type: 'interrupt' }
  /** The thread stands still, for a termination (interrupt.ts). */
  | { type: 'still' }
  /** All that was interrupted has ended, and nothing of it runs. */
  | { type: 'quiet' }
  | { type: 'typecheck'; mode: TypecheckMode }
  | { type: 'magic'; name: string; summary?: string }
  | { type: 'file'; path: string; stamp: string }
  | { type: 'done'; id: string; reply: ExecuteReply; result?: string }

/** What few published messages carry beside their content. */
export interface Extra {
  metadata?: Record<string, unknown>
  buffers?: Uint8Array[]
}

/** What a cell asks the person at the front end; the id is the cell's. */
export interface Question {
  type: 'input'
  id: string
  /** Counts the questions of a session. */
  question: number
  prompt: string
  password: boolean
}

export interface Answer {
  question: number
  value: string
}
/** What a type error in a cell does: it is shown beside the output, passed over, or keeps the cell from running. */
export type TypecheckMode = 'on' | 'off' | 'strict'

export type StreamName = 'stdout' | 'stderr'

/** What the protocol thread is started with. */
export interface ProtocolThreadData {
  connection: Connection
  flags: Int32Array
  /** To the cell thread. */
  cells: MessagePort
  /** To where the cell thread waits for answers to its questions. */
  answers: MessagePort
  /** Bytes that the heap of the cell thread may hold. */
  heapLimit: number
}

/** Places in the flags that both threads share. */
export const Flag = {
  /** Depth of native addon calls on the cell thread's stack. */
  native: 0,
  /** One of Interrupt. */
  interrupt: 1,
  /** Number of modules being loaded. */
  loading: 2,
  /** 1 when async_hooks are in use. */
  asyncHooks: 3,
  /** Counts the answers, and whatever else shall wake a thread that sleeps until one comes. */
  answers: 4,
  /** One of Stillness. */
  stillness: 5,
  /** 1 while the thread waits for a child process, as execSync does. */
  childProcess: 6,
  /** Depth of other work that must not be cut short, as the compilation of a cell. */
  whole: 7,
  /** Counts the outputs that the protocol thread has taken. */
  outputs: 8,
  /** How much runs under a timeout of `vm`. */
  timeouts: 9,
} as const

/** How far an interrupt is. */
export const Interrupt = {
  none: 0,
  /** The cell shall end; native code throws when it returns. */
  asked: 1,
  /** JavaScript is about to be terminated; native code must not be entered. */
  terminating: 2,
} as const

/** How the threads agree that JavaScript is terminated where the cell thread stands, and nowhere else. */
export const Stillness = {
  none: 0,
  /** The cell thread stands still and waits. */
  still: 1,
  /** The protocol thread asks V8 for the termination ... */
  asking: 2,
  /** ... and has asked: it comes as soon as the cell thread moves. */
  asked: 3,
} as const

/** How hard the cell thread is pressed to end a cell. */
export const Insistence = {
  /** Awaits and loops of the cell throw. */
  tell: 0,
  /** JavaScript is terminated where it is the person's own: a cell, or a file outside of packages. */
  terminateOwn: 1,
  /** JavaScript is terminated where nothing is left half done. */
  terminate: 2,
  /** Also in code that `vm` runs. */
  terminateVm: 3,
  /** JavaScript is terminated where it stands. */
  force: 4,
} as const
export type Insistence = (typeof Insistence)[keyof typeof Insistence]
