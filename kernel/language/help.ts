import type { Sources } from './completion.ts'
import { describe, plain } from './inspection.ts'
import type { Question } from './questions.ts'

/** The answer as a payload of an execute_reply, which front ends show in their pager. */
export async function page({ text, withSource }: Question, sources: Sources): Promise<object> {
  const markdown = (await describe(text, text.length, withSource, sources)) ?? `Nothing is known of \`${text}\`.`
  return { source: 'page', data: { 'text/plain': plain(markdown), 'text/markdown': markdown }, start: 0 }
}
