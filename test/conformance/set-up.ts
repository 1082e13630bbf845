import { install, isInstalled } from '../../src/python.ts'
import { REQUIREMENTS } from './jupyter.ts'

/** Installs JupyterLab, nbconvert, the console and the protocol's tests, unless they are there. */
try {
  if (!isInstalled(REQUIREMENTS)) install(REQUIREMENTS)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
