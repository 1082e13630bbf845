import vm from 'node:vm'
import { Flag } from './threads.ts'

type Run = (this: vm.Script, ...args: [contextOrOptions?: unknown, options?: unknown]) => unknown

/**
 * Counts what runs under a timeout of `vm`. Meanwhile the inspector must not evaluate anything on top of it (language/live.ts): V8 knows but
 * one termination at a time, and after its own evaluation the inspector calls it off, so that the script would go on for ever.
 * https://github.com/v8/v8/blob/main/src/inspector/v8-runtime-agent-impl.cc (evaluate)
 */
export function noticeTimeouts(flags: Int32Array): void {
  for (const name of ['runInThisContext', 'runInContext'] as const) {
    const original = vm.Script.prototype[name] as Run
    const noticed: Run = function (...args) {
      const options = args[name === 'runInContext' ? 1 : 0] as vm.RunningScriptOptions | undefined
      if (options?.timeout === undefined) return original.apply(this, args)
      Atomics.add(flags, Flag.timeouts, 1)
      try {
        return original.apply(this, args)
      } finally {
        Atomics.sub(flags, Flag.timeouts, 1)
      }
    }
    Object.assign(vm.Script.prototype, { [name]: Object.defineProperties(noticed, Object.getOwnPropertyDescriptors(original)) })
  }
}
