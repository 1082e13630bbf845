import { fileURLToPath } from 'node:url'

/**
 * Large pages for large tensors, where the C library is glibc on Linux: up to a tenth less time for a training step. It is read when the process begins.
 * https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
 */
export const kernelEnvironment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' }

/** Node's arguments that start the kernel on a connection file. */
export function kernelArguments(connectionFile: string): string[] {
  return [...nodeFlags(), fileURLToPath(new URL('./main.js', import.meta.url)), connectionFile]
}

/**
 * A terminated timer leaves its entry on the stack of async_hooks, which Node otherwise takes for corruption and exits on.
 * On Node 22, AsyncLocalStorage is kept out of async_hooks (context.ts).
 * https://nodejs.org/api/cli.html#--no-force-async-hooks-checks
 */
function nodeFlags(): string[] {
  const isNode22 = process.versions.node.startsWith('22.')
  return ['--no-force-async-hooks-checks', ...(isNode22 ? ['--experimental-async-context-frame'] : [])]
}
