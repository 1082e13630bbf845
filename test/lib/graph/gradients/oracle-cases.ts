import { elementwise } from './elementwise-cases.ts'
import { images } from './image-cases.ts'
import { matrices } from './matrix-cases.ts'
import type { OracleCase } from './oracle-case.ts'
import { sequences } from './sequence-cases.ts'
import { shapes } from './shape-cases.ts'

/** Every operator that has a gradient, and every loss. */
export const oracleCases: Readonly<Record<string, OracleCase>> = { ...elementwise, ...matrices, ...shapes, ...images, ...sequences }
