import { after } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { KernelClient, type ExecuteOptions, type ExecuteReply, type Message, type StartOptions } from '../../kernel/client.ts'

/** A kernel for a test file, ended with it. */
export async function startKernel(options?: StartOptions): Promise<KernelClient> {
  const kernel = await KernelClient.start(options)
  after(() => kernel.shutdown())
  return kernel
}

/** What a cell left behind in a notebook. */
export interface Outcome {
  reply: ExecuteReply
  outputs: Message[]
  stdout: string
  stderr: string
  /** Plain text of the execute_result, if there is one. */
  result: string | undefined
}

export async function run(kernel: KernelClient, code: string, options: ExecuteOptions = {}): Promise<Outcome> {
  const outputs: Message[] = []
  const reply = await kernel.execute(code, { ...options, onOutput: (message) => outputs.push(message) })
  const stream = (name: string) =>
    outputs.map(({ header, content }) => (header.msg_type === 'stream' && content.name === name ? content.text : '')).join('')
  const shown = outputs.find(({ header }) => header.msg_type === 'execute_result')?.content.data as Record<string, string> | undefined
  return { reply, outputs, stdout: stream('stdout'), stderr: stream('stderr'), result: shown?.['text/plain'] }
}

/** The traceback of a failed cell without its colours. */
export function plainTraceback({ reply }: Outcome): string {
  return stripColours((reply.traceback ?? []).join('\n'))
}

export function stripColours(text: string): string {
  return stripVTControlCharacters(text)
}
