import { Capture } from '../capture.ts'
import type { Display } from '../provided.ts'
import type { Magic } from './magic.ts'
import { parseOptions } from './options.ts'

const OPTIONS = { 'no-stdout': { type: 'boolean' }, 'no-stderr': { type: 'boolean' }, 'no-display': { type: 'boolean' } } as const

export const capture: Magic = {
  name: 'capture',
  typescript: 'body',
  summary: 'run the cell and keep what it prints and shows',
  usage: '%%capture [--no-stdout] [--no-stderr] [--no-display] [name]: name.stdout, name.stderr and name.outputs hold it, name.show() shows it.',
  words: () => Object.keys(OPTIONS).map((name) => `--${name}`),
  async cell(argument, body, context) {
    const { values, positionals } = parseOptions(argument, OPTIONS)
    const taken = new Capture({ stdout: !values['no-stdout'], stderr: !values['no-stderr'], display: !values['no-display'] })
    const run = context.prepare(body)
    try {
      const value = await context.capture(taken, run)
      if (value !== undefined && !values['no-display']) await context.capture(taken, async () => context.display(value))
    } finally {
      if (positionals.length > 0) await context.assign({ [positionals[0]]: result(taken, context.display) })
    }
  },
}

/** What the variable gets, with the names that IPython gives. */
function result({ stdout, stderr, outputs }: Capture, display: Display) {
  const bundles = outputs.filter(({ content }) => 'data' in content).map(({ content }) => (content as { data: object }).data)
  return {
    stdout,
    stderr,
    outputs: bundles,
    show(): void {
      process.stdout.write(stdout)
      process.stderr.write(stderr)
      for (const bundle of bundles) display.bundle({ ...bundle })
    },
  }
}
