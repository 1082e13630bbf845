import type { Command } from 'commander'
import { installKernelspec } from '../kernel/install.ts'

export function install(program: Command): void {
  program
    .command('install')
    .description('register the kernel with Jupyter')
    .option('--user', 'for this user (the default)')
    .option('--prefix <folder>', 'in the environment under this folder, such as a virtual environment')
    .action((options: { user?: boolean; prefix?: string }) => {
      const folder = installKernelspec(options)
      console.log(`The kernel "TypeScript (hone)" is registered in ${folder}.\nOpen JupyterLab and choose it, or try: jupyter console --kernel hone`)
    })
}
