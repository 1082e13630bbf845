import { workerData } from 'node:worker_threads'
import { CellThread } from './cell-thread.ts'
import { CheckedExecution } from './checked-execution.ts'
import { CHANNELS } from './connection.ts'
import { CellInspector } from './inspector.ts'
import { kernelInfo } from './kernel-info.ts'
import type { Language } from './language.ts'
import type { ExecuteReply, Request } from './protocol.ts'
import { ExecutionQueue } from './queue.ts'
import { Sockets } from './sockets.ts'
import { SessionState, type HistoryQuery } from './state.ts'
import type { ProtocolThreadData } from './threads.ts'

/** The protocol thread: it owns the sockets and answers, whatever the cell thread does. */

type Handler = (request: Request) => object | undefined | Promise<object | undefined>

const data = workerData as ProtocolThreadData
const { connection } = data
const inspector = new CellInspector()
const sockets = new Sockets(connection)
const cells = new CellThread(data, inspector, sockets)
const execution = new CheckedExecution(cells, sockets, language)
const queue = new ExecutionQueue(execute, abort)
const state = new SessionState()
let isLeaving = false
let loadedLanguage: Promise<Language> | undefined

/** Message type to handler. What a handler answers is the content of the reply; undefined means no reply. */
const handlers: Record<string, Handler> = {
  kernel_info_request: () => kernelInfo,
  connect_request: () => Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, connection[`${channel}_port`]])),
  execute_request: (request) => queue.submit(request),
  interrupt_request: interrupt,
  shutdown_request: shutdown,
  complete_request: async ({ content }) => (await language()).complete(content),
  inspect_request: async ({ content }) => (await language()).inspect(content),
  is_complete_request: async ({ content }) => (await language()).isComplete(String(content.code)),
  history_request: ({ content }) => ({ status: 'ok', history: historyTuples(content) }),
  comm_info_request: () => ({ status: 'ok', comms: {} }),
  comm_open: refuseComm,
  comm_msg: () => undefined,
  comm_close: () => undefined,
}

/** Milliseconds between two looks at whether the parent process lives. */
const PARENT_INTERVAL_MS = 1000

/** Parsers are loaded when a cell runs or a front end first asks for help. */
function language(): Promise<Language> {
  loadedLanguage ??= import('./language.ts').then(({ Language }) => new Language(inspector))
  return loadedLanguage
}

async function receive(channel: 'shell' | 'control', request: Request): Promise<void> {
  const type = request.header.msg_type
  if (!Object.hasOwn(handlers, type)) return console.error(`hone kernel: ${type} is not known and was dropped.`)
  const isCell = type === 'execute_request'
  if (!isCell) setStatus('busy', request)
  const content = await answer(handlers[type], request)
  if (content !== undefined) sockets.reply(channel, type.replace(/_request$/, '_reply'), content, request)
  setStatus('idle', request)
  if (!isCell && cells.running !== undefined) setStatus('busy', cells.running)
  if (isLeaving) await leave()
}

async function answer(handler: Handler, request: Request): Promise<object | undefined> {
  try {
    return await handler(request)
  } catch (error) {
    const { name, message } = error as Error
    return { status: 'error', ename: name, evalue: message, traceback: [] }
  }
}

function setStatus(execution_state: 'starting' | 'busy' | 'idle', { header }: Pick<Request, 'header'>): void {
  sockets.publish('status', { execution_state }, header)
}

async function execute(request: Request): Promise<ExecuteReply> {
  setStatus('busy', request)
  const { code, silent, store_history } = request.content
  const isCounted = silent !== true && store_history !== false
  const execution_count = isCounted ? state.count(String(code)) : state.executionCount
  if (silent !== true) sockets.publish('execute_input', { code, execution_count }, request.header)
  return execution.run(request, execution_count)
}

function abort(request: Request): ExecuteReply {
  setStatus('busy', request)
  return { status: 'aborted', execution_count: state.executionCount }
}

async function interrupt(): Promise<object> {
  await cells.interrupt()
  return { status: 'ok' }
}

function shutdown({ header, content }: Request): object {
  const reply = { status: 'ok', restart: content.restart === true }
  sockets.publish('shutdown_reply', reply, header)
  isLeaving = true
  return reply
}

/** A socket that is still open would make the exit fail. */
async function leave(): Promise<void> {
  cells.exitSoon()
  await cells.interrupt()
  await sockets.close()
  cells.exit()
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#history */
function historyTuples(query: HistoryQuery & { output?: boolean }): unknown[] {
  return state.history(query).map(({ line, input }) => [0, line, query.output === true ? [input, null] : input])
}

/** A comm for a target that nobody registered is closed at once, as the protocol asks. */
function refuseComm({ header, content }: Request): undefined {
  sockets.publish('comm_close', { comm_id: content.comm_id, data: {} }, header)
}

async function listen(channel: 'shell' | 'control'): Promise<void> {
  for await (const request of sockets.requests(channel)) void receive(channel, request)
}

async function listenForInput(): Promise<void> {
  for await (const reply of sockets.requests('stdin')) {
    if (reply.header.msg_type === 'input_reply') cells.answerInput(reply)
  }
}

/** A kernel whose front end died has nobody left to end it. Jupyter sets the variable where it starts kernels. */
function watchParent(): void {
  if (process.env.JPY_PARENT_PID === undefined) return
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && void leave(), PARENT_INTERVAL_MS)
}

await sockets.bind()
watchParent()
sockets.publish('status', { execution_state: 'starting' }, {})
void listen('shell')
void listen('control')
void listenForInput()
