import type { Magic } from './magic.ts'

export const mem: Magic = {
  name: 'mem',
  typescript: 'body',
  summary: 'what the cell takes of memory: heap, external, peak, allocations by function',
  async cell(_argument, body, context) {
    const run = context.prepare(body)
    const { memoryProfile } = await context.lib()
    const { locate, isHidden } = context
    context.display(await memoryProfile(run, { locate, isHidden }))
  },
}
