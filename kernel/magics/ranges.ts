/** Reads `1-3 5`, numbers of cells. Answers with whether a number is among them. Throws an Error for anything else. */
export function parseRanges(words: string[]): (number: number) => boolean {
  const ranges = words.map((word) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(word) ?? []
    if (first === undefined) throw new Error(`"${word}" names no cells: 5 is one cell, 1-3 are three.`)
    return [Number(first), Number(last)]
  })
  return (number) => ranges.some(([first, last]) => number >= first && number <= last)
}
