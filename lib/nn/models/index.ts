export { lprnet } from './lprnet.ts'
