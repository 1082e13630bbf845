import vm from 'node:vm'
import { parentPort } from 'node:worker_threads'

/**
 * A thread that tells of each SIGINT, also while the main thread spins, whose own handlers do not run then. It sleeps in a script that
 * Node ends at a SIGINT; the script round it keeps Node's handler in place meanwhile. https://nodejs.org/api/vm.html (breakOnSigint)
 */
const asleep = new vm.Script('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)')

function listen(): void {
  for (;;) {
    try {
      asleep.runInThisContext({ breakOnSigint: true })
    } catch {
      parentPort!.postMessage('SIGINT')
    }
  }
}

Object.assign(globalThis, { listen })
vm.runInThisContext('listen()', { breakOnSigint: true })
