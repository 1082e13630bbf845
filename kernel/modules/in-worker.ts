import { MessageChannel } from 'node:worker_threads'
import { StackTraces } from '../stack.ts'
import { register } from './register.ts'

/** What a worker of a TypeScript file begins with (workers.ts). Nobody asks it what it loads. */
new StackTraces().install()
register(new MessageChannel().port2)
