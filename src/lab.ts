import { once } from 'node:events'
import { statSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { JUPYTERLAB, startLab } from './lab-server.ts'
import { ENVIRONMENT, install, isInstalled, ROOT } from './python.ts'
import { UsageError } from './usage.ts'

/** The project's own; a package that is installed somewhere is no place to work in. */
const NOTEBOOKS = /[\\/]node_modules[\\/]/.test(ROOT) ? process.cwd() : path.join(ROOT, 'notebooks')

export function lab(program: Command): void {
  program
    .command('lab')
    .description("open JupyterLab with the kernel; the first time, set it up in the project's .cache (needs Python 3.10)")
    .argument('[folder]', 'where the notebooks lie', NOTEBOOKS)
    .option('--no-browser', 'print the address, and open no browser')
    .option('--port <number>', 'the port that it listens at, or the next that is free', '8888')
    .action(async (folder: string, { browser, port }: { browser: boolean; port: string }) => {
      const place = path.resolve(folder)
      if (!statSync(place, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`There is no folder ${place}.`)
      if (!/^\d+$/.test(port) || Number(port) > 65535) throw new UsageError(`--port takes a number from 0 to 65535, not "${port}".`)
      if (!isInstalled(JUPYTERLAB)) {
        console.log(`Setting JupyterLab up in ${ENVIRONMENT} (once, a minute or two, 300 MB) ...`)
        install(JUPYTERLAB)
      }
      const args = ['--ServerApp.log_level=WARN', `--ServerApp.port=${port}`, ...(browser ? [] : ['--no-browser'])]
      const server = startLab({ folder: place, home: path.join(ENVIRONMENT, 'home'), args, stdio: 'inherit' })
      // Ctrl-C reaches Jupyter too, which asks whether to end
      process.on('SIGINT', () => {})
      process.on('SIGTERM', () => server.kill())
      const [code] = (await once(server, 'exit')) as [number | null]
      process.exitCode = code ?? 0
    })
}
