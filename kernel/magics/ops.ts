import { UsageError, type Magic } from './magic.ts'
import { parseOptions, variableIn } from './options.ts'

export const ops: Magic = {
  name: 'ops',
  summary: 'where every ONNX Runtime session that the cell runs spends its time, operator by operator',
  usage: '%%ops [variable] [-n COUNT]: time, FLOPs, bytes and rates by type of operator, and the sessions; -n shows the costliest nodes too; the variable gets it all.',
  typescript: 'body',
  async cell(argument, body, context) {
    const { values, positionals } = parseOptions(argument, { nodes: { type: 'string', short: 'n' } })
    const variable = variableIn(positionals)
    const nodes = Number(values.nodes ?? 0)
    if (!(Number.isInteger(nodes) && nodes >= 0)) throw new UsageError(`-n takes a number of nodes, not "${values.nodes}".`)
    const run = context.prepare(body)
    const { collectProfiles } = await context.lib()
    const collecting = await collectProfiles()
    try {
      return await run()
    } finally {
      const found = await collecting.end()
      context.display(found)
      if (nodes > 0) context.display(found.all.byNode(nodes))
      if (variable !== undefined) await context.assign({ [variable]: found })
    }
  },
}
