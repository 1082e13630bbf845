import { inspect } from 'node:util'
import type { Magic } from './magic.ts'
import { watchOptions } from './profile.ts'

export const trace: Magic = {
  name: 'trace',
  typescript: 'body',
  summary: 'what the cell does over time, as a file for Perfetto: functions, garbage collection, event loop, operators',
  usage: '%%trace [-i MILLISECONDS] [-o FILE]: open the file at https://ui.perfetto.dev. Sessions that the cell makes show their operators.',
  async cell(argument, body, context) {
    const { path, options } = watchOptions(argument, context, 'trace.json')
    const run = context.prepare(body)
    const { chromeTrace } = await context.lib()
    const recorded = await chromeTrace(run, options)
    await recorded.save(path)
    context.print(`${inspect(recorded)}\nWritten to ${path}; open it at https://ui.perfetto.dev\n`)
  },
}
