import path from 'node:path'
import { Argument, type Command } from 'commander'
import { backendFolder, backendPython, PYTHON_BACKENDS, type PythonBackend } from '../lib/measure/python-backends.ts'
import { command } from './addons/command.ts'

export function backends(program: Command): void {
  const group = program.command('backends').description('other runtimes that ONNX files are compared on')
  group
    .command('install')
    .description('install a runtime from PyPI into an environment of its own (needs Python with venv)')
    .addArgument(new Argument('<name>', 'which one').choices(Object.keys(PYTHON_BACKENDS)))
    .action(async (name: PythonBackend) => {
      const { title, packages } = PYTHON_BACKENDS[name]
      const folder = backendFolder(name)
      if (!backendPython(name)) await command(process.platform === 'win32' ? 'python' : 'python3', ['-m', 'venv', folder])
      await command(backendPython(name)!, ['-m', 'pip', 'install', '--disable-pip-version-check', ...packages], { show: true })
      console.log(`✓ ${title}, in ${path.resolve(folder)}`)
    })
}
