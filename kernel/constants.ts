import type { Node, Pattern, Program } from 'acorn'
import { ancestor } from 'acorn-walk'
import { declares, namesIn } from './scopes.ts'

/** An assignment to a variable of the top. */
export interface Assignment {
  name: string
  start: number
}

/**
 * The first place where a cell assigns to its own constant. V8 cannot say so: constants of the top become variables, which a
 * later cell may declare again.
 */
export function findMisassignment(program: Program): Assignment | undefined {
  return assignmentsTo(constantsOf(program), program)[0]
}

/** Where a program assigns to those of its variables that have the names given, in turn. */
export function assignmentsTo(names: ReadonlySet<string>, program: Program): Assignment[] {
  if (names.size === 0) return []
  const found: Assignment[] = []
  const check = (target: Node, ancestors: Node[]) => {
    for (const name of namesIn(target as Pattern)) {
      if (names.has(name) && !ancestors.some((scope) => scope !== program && declares(scope, name))) found.push({ name, start: target.start })
    }
  }
  ancestor(program, {
    AssignmentExpression: ({ left }, _, ancestors) => check(left, ancestors),
    UpdateExpression: ({ argument }, _, ancestors) => check(argument, ancestors),
    ForInStatement: ({ left }, _, ancestors) => check(left, ancestors),
    ForOfStatement: ({ left }, _, ancestors) => check(left, ancestors),
  })
  return found.sort((a, b) => a.start - b.start)
}

function constantsOf(program: Program): Set<string> {
  const names = new Set<string>()
  for (const statement of program.body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement
    if (declaration?.type === 'VariableDeclaration' && declaration.kind === 'const') {
      for (const { id } of declaration.declarations) namesIn(id).forEach((name) => names.add(name))
    } else if (statement.type === 'ImportDeclaration') {
      for (const { local } of statement.specifiers) names.add(local.name)
    }
  }
  return names
}
