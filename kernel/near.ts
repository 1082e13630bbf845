/** Those names that a mistyped one may have meant, the nearest first. */
function near(name: string, names: Iterable<string>): string[] {
  const ranked = [...new Set(names)].map((known) => ({ known, edits: distance(known, name) })).filter(({ edits }) => edits <= 2 && edits * 2 <= name.length)
  return ranked.sort((a, b) => a.edits - b.edits).map(({ known }) => known)
}

/** ` Did you mean a or b?`, or nothing where no name is near. The sign stands before each name. */
export function didYouMean(name: string, names: Iterable<string>, sign = ''): string {
  const found = near(name, names).map((known) => sign + known)
  return found.length === 0 ? '' : ` Did you mean ${found.join(' or ')}?`
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      current[j] = Math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    previous = current
  }
  return previous[b.length]
}
