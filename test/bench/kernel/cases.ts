import { setTimeout as sleep } from 'node:timers/promises'
import type { KernelClient } from '../../../kernel/client.ts'
import { memoryOf, type Contender } from './contenders.ts'

/** Figures of one measurement by what they are of: seconds, or megabytes where the name says memory. */
export type Measured = Readonly<Record<string, number>>

/** What is measured on each kernel, in turn. */
export interface Case {
  readonly name: string
  readonly runs: number
  /** Runs before, whose figures are not kept. */
  readonly warmUp?: number
  /** Seconds that one run may take. */
  readonly limit: number
  /** Whether each run has a kernel of its own. */
  readonly fresh?: boolean
  /** `startTime` is how long the kernel took to answer its first kernel_info. Throws an Error where the kernel does not do what it was asked to. */
  measure(kernel: KernelClient, contender: Contender, startTime: number): Promise<Measured>
}

const LINES = 100_000
const HTML_LENGTH = 50_000_000
const CELLS = 10_000
/** Milliseconds after which a kernel that was started has come to rest. */
const REST_MS = 1000

export const cases: readonly Case[] = [
  {
    name: 'start',
    runs: 7,
    limit: 60,
    fresh: true,
    async measure(kernel, { says }, startTime) {
      await sleep(REST_MS)
      const { kernel: idle } = await memoryOf(kernel)
      const firstCell = await seconds(() => kernel.execute(says.declare))
      return { 'start to ready': startTime, 'memory when idle': idle, 'first cell': firstCell, 'first completion': await complete(kernel) }
    },
  },
  { name: 'round trip of 1+n', runs: 300, warmUp: 20, limit: 5, measure: async (kernel) => ({ 'round trip of 1+n': await seconds(() => kernel.execute('1+n')) }) },
  { name: 'completion', runs: 100, warmUp: 20, limit: 5, measure: async (kernel) => ({ completion: await complete(kernel) }) },
  {
    name: 'interrupt of a spinning cell',
    runs: 10,
    limit: 5,
    async measure(kernel, { says, interrupt }) {
      const cell = kernel.execute(says.spin)
      await sleep(300)
      const start = performance.now()
      await interrupt(kernel)
      const { status } = await cell
      if (status !== 'error') throw new Error(`an interrupted cell is answered as ${status}`)
      return { 'interrupt of a spinning cell': (performance.now() - start) / 1000 }
    },
  },
  {
    name: '100,000 lines of output',
    runs: 5,
    limit: 60,
    async measure(kernel, { says }) {
      let lines = 0
      const time = await seconds(() => kernel.execute(says.lines(LINES), { onOutput: ({ content }) => void (lines += String(content.text).split('\n').length - 1) }))
      if (lines !== LINES) throw new Error(`${lines.toLocaleString('en')} of ${LINES.toLocaleString('en')} lines arrived before the cell was done`)
      return { '100,000 lines of output': time }
    },
  },
  {
    name: '50 MB shown',
    runs: 5,
    limit: 60,
    async measure(kernel, { says }) {
      let length = 0
      const measureLength = (data: unknown) => String((data as Record<string, unknown> | undefined)?.['text/html']).length
      const time = await seconds(() => kernel.execute(says.html(HTML_LENGTH), { onOutput: ({ content }) => void (length += measureLength(content.data)) }))
      if (length !== HTML_LENGTH) throw new Error(`${length.toLocaleString('en')} of ${HTML_LENGTH.toLocaleString('en')} characters arrived before the cell was done`)
      return { '50 MB shown': time }
    },
  },
  {
    name: '10,000 cells',
    runs: 1,
    limit: 300,
    async measure(kernel) {
      const before = await memoryOf(kernel)
      const time = await seconds(async () => {
        for (let i = 0; i < CELLS; i++) await kernel.execute('1+n', { timeout: 5 })
      })
      const after = await memoryOf(kernel)
      return {
        '10,000 cells': time,
        'memory after one cell': before.kernel,
        'memory after 10,000 cells': after.kernel,
        "memory of other processes of the kernel's after 10,000 cells": after.children,
      }
    },
  },
]

/** Asks for the members of a list, in a text that is another each time, as when someone types. */
async function complete(kernel: KernelClient): Promise<number> {
  const code = `y${++asked} = xs.`
  const start = performance.now()
  const { content } = await kernel.request('shell', 'complete_request', { code, cursor_pos: code.length })
  const time = (performance.now() - start) / 1000
  if ((content.matches as unknown[]).length === 0) throw new Error(`nothing is proposed for ${code}`)
  return time
}

let asked = 0

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
