import type { StudyDefinition } from '../definition.ts'
import { lprnet } from './lprnet.ts'

export const studies = { lprnet } satisfies Record<string, StudyDefinition>
export type StudyName = keyof typeof studies
