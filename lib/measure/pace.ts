/** Additions that wait for each other: their time depends on the processor's clock, and on who shares its core, but on no memory and no placement of code. */
const STEPS = 20_000
const WARM_UP = 200

let isWarm = false
/** What nobody reads would not be computed. */
let kept = 0

/** Of several times, which are seldom all interrupted, the shortest. */
const TIMES = 3

/** Seconds that the processor takes for a fixed piece of arithmetic (about 40 µs). */
export function pace(): number {
  for (let i = 0; !isWarm && i < WARM_UP; i++) kept = arithmetic()
  isWarm = true
  return Math.min(...Array.from({ length: TIMES }, () => {
    const start = performance.now()
    kept = arithmetic()
    return (performance.now() - start) / 1000
  }))
}

function arithmetic(): number {
  let sum = kept > 0 ? 0 : 1
  for (let i = 0; i < STEPS; i++) sum += Math.sqrt(i)
  return sum
}
