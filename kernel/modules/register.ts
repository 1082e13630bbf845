import module from 'node:module'
import type { MessagePort } from 'node:worker_threads'
import { initialize, load, resolve } from './hooks.ts'

/** Puts the hooks in place: in this thread where Node can, else in a thread of their own. */
export function register(port: MessagePort): void {
  const { registerHooks } = module as { registerHooks?: (hooks: object) => void }
  if (registerHooks === undefined) return module.register('./hooks.js', { parentURL: import.meta.url, data: { port }, transferList: [port] })
  initialize({ port })
  registerHooks({ resolve, load })
}
