/**
 * A dimension is a number, an expression of symbols (`N`, `2*N + 1`, `floor((H - 1)/2)`), or `null`: unknown, of which nothing can be said.
 * Expressions are kept as sums of products, so that equal ones are written alike.
 */
export type Dim = number | Expression | null
export type Shape = readonly Dim[]

type Atom = { readonly symbol: string } | { readonly floor: Known; readonly by: Known }
type Known = number | Expression

/** A sum of integer multiples of products of symbols and floor divisions. */
export class Expression {
  /** Product of atoms, by its text, to its coefficient; the constant term is the empty product. */
  readonly terms: ReadonlyMap<string, { readonly coefficient: number; readonly atoms: readonly Atom[] }>

  constructor(terms: Expression['terms']) {
    this.terms = terms
  }

  toString(): string {
    const text = [...this.terms.values()].map(({ coefficient, atoms }) => {
      const product = atoms.map(atomText).join('*')
      if (!product) return `${coefficient}`
      return coefficient === 1 ? product : coefficient === -1 ? `-${product}` : `${coefficient}*${product}`
    })
    return text.join(' + ').replaceAll('+ -', '- ')
  }
}

function atomText(atom: Atom): string {
  return 'symbol' in atom ? atom.symbol : `floor((${atom.floor})/(${atom.by}))`
}

function normal(terms: Iterable<{ coefficient: number; atoms: readonly Atom[] }>): Known {
  const sum = new Map<string, { coefficient: number; atoms: readonly Atom[] }>()
  for (const { coefficient, atoms } of terms) {
    const sorted = [...atoms].sort((a, b) => (atomText(a) < atomText(b) ? -1 : 1))
    const key = sorted.map(atomText).join('*')
    const total = (sum.get(key)?.coefficient ?? 0) + coefficient
    if (total === 0) sum.delete(key)
    else sum.set(key, { coefficient: total, atoms: sorted })
  }
  if (sum.size === 0) return 0
  const constant = sum.get('')
  if (sum.size === 1 && constant) return constant.coefficient
  // higher products first, the constant last
  return new Expression(new Map([...sum].sort(([a, x], [b, y]) => y.atoms.length - x.atoms.length || (a < b ? -1 : 1))))
}

const termsOf = (d: Known) => (typeof d === 'number' ? (d ? [{ coefficient: d, atoms: [] }] : []) : [...d.terms.values()])

/** A named dimension that is not known yet, such as the batch size. */
export function symbol(name: string): Expression {
  return normal([{ coefficient: 1, atoms: [{ symbol: name }] }]) as Expression
}

export function add(...dims: Dim[]): Dim {
  return dims.includes(null) ? null : normal((dims as Known[]).flatMap(termsOf))
}

export function subtract(a: Dim, b: Dim): Dim {
  return add(a, multiply(b, -1))
}

export function multiply(...dims: Dim[]): Dim {
  if (dims.includes(0)) return 0
  return dims.reduce((product: Dim, d) => {
    if (product === null || d === null) return null
    return normal(termsOf(product).flatMap((x) => termsOf(d).map((y) => ({ coefficient: x.coefficient * y.coefficient, atoms: [...x.atoms, ...y.atoms] }))))
  }, 1)
}

/** Rounds towards minus infinity, as the output size of a strided window does. */
export function floorDivide(a: Dim, b: Dim): Dim {
  if (a === null || b === null || b === 0) return null
  if (b === 1) return a
  if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b)
  const exact = dividedExactly(a, b)
  if (exact !== undefined) return exact
  if (typeof b === 'number') {
    // floor((b·q + r)/b) = q + floor(r/b)
    const whole = normal(termsOf(a).filter(({ coefficient }) => coefficient % b === 0))
    if (whole !== 0) return add(floorDivide(whole, b), floorDivide(subtract(a, whole), b))
  }
  return normal([{ coefficient: 1, atoms: [{ floor: a, by: b }] }])
}

export function ceilDivide(a: Dim, b: Dim): Dim {
  return floorDivide(add(a, b, -1), b)
}

/** a / b where every term of `a` holds the single term `b`. */
function dividedExactly(a: Known, b: Known): Dim | undefined {
  const [divisor, ...more] = termsOf(b)
  if (!divisor || more.length) return undefined
  const quotients = termsOf(a).map(({ coefficient, atoms }) => {
    const rest = [...atoms]
    for (const atom of divisor.atoms) {
      const at = rest.findIndex((x) => atomText(x) === atomText(atom))
      if (at < 0) return undefined
      rest.splice(at, 1)
    }
    return coefficient % divisor.coefficient === 0 ? { coefficient: coefficient / divisor.coefficient, atoms: rest } : undefined
  })
  return quotients.every((q) => q !== undefined) ? normal(quotients) : undefined
}

/** Whether both are surely equal; an unknown dimension equals nothing. */
export function sameDim(a: Dim, b: Dim): boolean {
  return a !== null && b !== null && String(a) === String(b)
}

/** Whether both are surely different. */
export function differs(a: Dim, b: Dim): boolean {
  const rest = subtract(a, b)
  return typeof rest === 'number' && rest !== 0
}

/** Number of elements of a shape; unknown where a dimension is. */
export function elements(shape: Shape | null): Dim {
  return shape === null ? null : multiply(...shape)
}

export function isStatic(shape: Shape | null): shape is readonly number[] {
  return shape !== null && shape.every((d) => typeof d === 'number')
}

/** The dimension with numbers for its symbols; symbols that `sizes` does not name stay. */
export function substitute(dim: Dim, sizes: Readonly<Record<string, Dim>>): Dim {
  if (dim === null || typeof dim === 'number') return dim
  const value = (atom: Atom): Dim => {
    if ('symbol' in atom) return atom.symbol in sizes ? sizes[atom.symbol]! : symbol(atom.symbol)
    return floorDivide(substitute(atom.floor, sizes), substitute(atom.by, sizes))
  }
  return add(...[...dim.terms.values()].map(({ coefficient, atoms }) => multiply(coefficient, ...atoms.map(value))))
}

export function formatShape(shape: Shape | null): string {
  return shape === null ? '?' : `[${shape.map((d) => d ?? '?').join(', ')}]`
}

/**
 * Reads what `toString` writes. Files name dimensions freely (`batch size`, `seq-len`): what does not read as an expression is one symbol.
 */
export function parseDim(text: string): Dim {
  const tokens = text.match(/floor|[A-Za-z_][\w.]*|\d+|[-+*/(),]|\S/g) ?? []
  let at = 0
  const expect = (token: string) => {
    if (tokens[at++] !== token) throw new SyntaxError(text)
  }
  const sum = (): Dim => {
    let total = product()
    while (tokens[at] === '+' || tokens[at] === '-') total = tokens[at++] === '+' ? add(total, product()) : subtract(total, product())
    return total
  }
  const product = (): Dim => {
    let total = factor()
    for (; tokens[at] === '*'; ) {
      at++
      total = multiply(total, factor())
    }
    return total
  }
  const factor = (): Dim => {
    const token = tokens[at++]
    if (token === '-') return multiply(-1, factor())
    if (token === '(') {
      const inner = sum()
      expect(')')
      return inner
    }
    if (token === 'floor' && tokens[at] === '(') {
      at++
      const dividend = factor()
      expect('/')
      const divisor = factor()
      expect(')')
      return floorDivide(dividend, divisor)
    }
    if (token !== undefined && /^\d/.test(token)) return Number(token)
    if (token !== undefined && /^\w/.test(token)) return symbol(token)
    throw new SyntaxError(text)
  }
  try {
    const dim = sum()
    if (at !== tokens.length) throw new SyntaxError(text)
    return dim
  } catch (error) {
    if (error instanceof SyntaxError) return symbol(text)
    throw error
  }
}
