import type { StudyDefinition } from '../definition.ts'
import { lprnet } from './lprnet.ts'
import { vggLstm } from './vgg-lstm.ts'

export const studies = { lprnet, 'vgg-lstm': vggLstm } satisfies Record<string, StudyDefinition>
export type StudyName = keyof typeof studies
