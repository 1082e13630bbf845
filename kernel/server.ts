import { workerData } from 'node:worker_threads'
import { CellThread } from './cell-thread.ts'
import { CheckedExecution } from './checked-execution.ts'
import { CHANNELS } from './connection.ts'
import { CellInspector } from './inspector.ts'
import { checkContent } from './contents.ts'
import { History, historyFolder } from './history.ts'
import { kernelInfo } from './kernel-info.ts'
import type { Language } from './language.ts'
import { log } from './log.ts'
import type { ExecuteReply, Request } from './protocol.ts'
import { Sockets } from './sockets.ts'
import { Subshells } from './subshells.ts'
import type { ProtocolThreadData } from './threads.ts'

/** The protocol thread: it owns the sockets and answers, whatever the cell thread does. */

type Handler = (request: Request) => object | void | Promise<object | void>

const data = workerData as ProtocolThreadData
const { connection } = data
const inspector = new CellInspector()
const sockets = new Sockets(connection)
const history = new History(historyFolder())
const cells = new CellThread(data, inspector, sockets, history)
const execution = new CheckedExecution(cells, sockets, language)
const subshells = new Subshells(execute, abort)
/** Until the first request is answered. */
let isStarting = true
let executionCount = 0
let isLeaving = false
let leaving: Promise<void> | undefined
/** When cells began to run, for the metadata of their replies: JupyterLab records it. */
const started = new WeakMap<Request, { started: string }>()
let loadedLanguage: Promise<Language> | undefined

/** Message type to handler. What a handler answers is the content of the reply; undefined means no reply. */
const handlers: Record<string, Handler> = {
  kernel_info_request: () => kernelInfo,
  connect_request: () => ({ status: 'ok', ...Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, connection[`${channel}_port`]])) }),
  execute_request: (request) => subshells.submit(request),
  interrupt_request: interrupt,
  shutdown_request: shutdown,
  complete_request: async ({ content }) => (await language()).complete(content),
  inspect_request: async ({ content }) => (await language()).inspect(content),
  is_complete_request: async ({ content }) => (await language()).isComplete(String(content.code)),
  history_request: async ({ content }) => ({ status: 'ok', history: await historyTuples(content) }),
  comm_info_request: ({ content }) => ({ status: 'ok', comms: openComms(content.target_name) }),
  comm_open: (request) => cells.deliver('comm_open', request),
  comm_msg: (request) => cells.deliver('comm_msg', request),
  comm_close: (request) => cells.deliver('comm_close', request),
  create_subshell_request: () => ({ status: 'ok', subshell_id: subshells.create() }),
  delete_subshell_request: ({ content }) => (subshells.delete(content.subshell_id as string), { status: 'ok' }),
  list_subshell_request: () => ({ status: 'ok', subshell_id: subshells.list() }),
}

/** Milliseconds between two looks at whether the parent process lives. */
const PARENT_INTERVAL_MS = 1000

/** Parsers are loaded when a cell runs or a front end first asks for help. */
function language(): Promise<Language> {
  loadedLanguage ??= import('./language.ts').then(({ Language }) => new Language(inspector, cells.files, data.flags))
  return loadedLanguage
}

async function receive(channel: 'shell' | 'control', request: Request): Promise<void> {
  const type = request.header.msg_type
  const refusal = await refuse(request)
  if (type !== 'execute_request' || refusal !== undefined) setStatus('busy', request)
  const content = refusal ?? (await answer(request))
  await execution.shown(request)
  if (content !== undefined) reply(channel, content, request)
  setStatus('idle', request)
  if (cells.running !== undefined) setStatus('busy', cells.running)
  if (isLeaving) await (leaving ??= leave())
}

/** What has no reply, as the messages of comms, can fail in the log alone. */
function reply(channel: 'shell' | 'control', content: object, request: Request): void {
  const type = request.header.msg_type
  if (type.endsWith('_request')) sockets.reply(channel, type.replace(/_request$/, '_reply'), content, request, started.get(request))
  else log(`${type} could not be handled: ${(content as { evalue: string }).evalue}`)
}

/** The answer to a request that cannot be handled. A comm is reached whatever became of the subshell that its messages name. */
function refuse(request: Request): Promise<object | void> {
  return describingErrors(() => {
    checkContent(request)
    if (request.header.msg_type.endsWith('_request')) subshells.queueOf(request)
  })
}

/** The content of the reply, if there is one. */
async function answer(request: Request): Promise<object | void> {
  const type = request.header.msg_type
  if (Object.hasOwn(handlers, type)) return describingErrors(() => handlers[type](request))
  log(`${type} is not known and is not answered.`)
}

async function describingErrors(work: () => object | void | Promise<object | void>): Promise<object | void> {
  try {
    return await work()
  } catch (error) {
    const { name, message } = error as Error
    return { status: 'error', ename: name, evalue: message, traceback: [] }
  }
}

function setStatus(execution_state: 'busy' | 'idle', { header }: Pick<Request, 'header'>): void {
  isStarting = false
  sockets.publish('status', { execution_state }, header)
}

async function execute(request: Request): Promise<ExecuteReply> {
  setStatus('busy', request)
  started.set(request, { started: new Date().toISOString() })
  const { code, silent, store_history } = request.content
  if (silent !== true && store_history !== false) count(String(code))
  if (silent !== true) sockets.publish('execute_input', { code, execution_count: executionCount }, request.header)
  return execution.run(request, executionCount)
}

function count(code: string): void {
  executionCount++
  if (code.trim() !== '') history.add(executionCount, code)
}

function abort(request: Request): ExecuteReply {
  setStatus('busy', request)
  return { status: 'aborted', execution_count: executionCount }
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
  await Promise.all([sockets.close(), history.close()])
  cells.exit()
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#history */
async function historyTuples(query: Request['content']): Promise<unknown[]> {
  const entries = await history.find(query)
  return entries.map(({ session, line, input, output = null }) => [session, line, query.output === true ? [input, output] : input])
}

/** https://jupyter-client.readthedocs.io/en/stable/messaging.html#comm-info */
function openComms(target: unknown): object {
  const wanted = [...cells.comms].filter(([, target_name]) => typeof target !== 'string' || target_name === target)
  return Object.fromEntries(wanted.map(([id, target_name]) => [id, { target_name }]))
}

async function listen(channel: 'shell' | 'control'): Promise<void> {
  for await (const request of sockets.requests(channel)) {
    receive(channel, request).catch((error: Error) => log(`${request.header.msg_type} could not be answered: ${error.message}`))
  }
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
  setInterval(() => process.ppid !== parent && void (leaving ??= leave()), PARENT_INTERVAL_MS)
}

await sockets.bind()
watchParent()
// nobody hears it before, and who subscribes is to be greeted by nothing else
void sockets.subscribed.then(() => isStarting && sockets.publish('status', { execution_state: 'starting' }, {}))
void listen('shell')
void listen('control')
void listenForInput()
