import type { CallExpression, Node, Program } from 'acorn'
import { ancestor, simple } from 'acorn-walk'
import type { MagicString } from 'magic-string'
import { asTyped } from './names.ts'
import { declared, outsideFunctions } from './scopes.ts'

/** Marks what is put in, so that it can be taken out again. */
const END = '/*hone*/'

type Loop = Node & { body: Node; await?: boolean; right?: Node }

/**
 * Has every await and every loop that calls something go through the kernel (runtime.ts), so that an interrupt ends it by an exception.
 * V8 looks for an interrupt only now and then in a loop whose turns are slow but short in code, as `for (;;) JSON.parse(big)`; a loop
 * that calls nothing is quick and pays for nothing. In `finally` blocks an interrupted cell may clean up. What a compiler put in, with
 * names that the source does not mention, is left alone.
 */
export function guardCell(program: Program, text: MagicString, source: string, runtime: string): void {
  const compilers = new Set<Node>(program.body.filter((statement) => declared(statement).length > 0 && declared(statement).every((name) => !source.includes(name))))
  const loop = ({ body, await: isAsync, right }: Loop, _: unknown, ancestors: Node[]) => {
    if (isAsync) text.appendLeft(right!.start, `${runtime}.iterate(`).appendLeft(right!.end, `${END})`)
    if (isInFinally(ancestors) || compilers.has(ancestors[1]!) || !calls(ancestors.at(-1)!)) return
    if (body.type === 'BlockStatement') text.appendLeft(body.start + 1, ` ${runtime}.check();`)
    else text.appendRight(body.start, `{${END}${runtime}.check(); `).appendLeft(body.end, `${END}}`)
  }
  ancestor(program, {
    AwaitExpression({ start, end }, _, ancestors) {
      text.appendLeft(start + 'await'.length, ` ${runtime}.${isInFinally(ancestors) ? 'cleanup' : 'guard'}(`).appendLeft(end, `${END})`)
    },
    ThrowStatement({ argument }) {
      text.appendLeft(argument.start, `${runtime}.thrown(`).appendLeft(argument.end, `${END})`)
    },
    ForStatement: loop,
    ForInStatement: loop,
    ForOfStatement: loop,
    WhileStatement: loop,
    DoWhileStatement: loop,
  })
}

/** The text of a function without what was put in: as it was typed, and able to run elsewhere, as in a worker or a browser's page. */
export function withoutGuards(text: string, runtime: string): string {
  if (!text.includes(`${runtime}.`)) return asTyped(text)
  const guards = [` ${runtime}\\.(?:guard|cleanup)\\(`, `${runtime}\\.(?:iterate|thrown|constant)\\(`, `\\{/\\*hone\\*/${runtime}\\.check\\(\\); `, ` ${runtime}\\.check\\(\\);`, '/\\*hone\\*/(?:\\)\\.value|[)}])']
  return asTyped(text).replace(new RegExp(guards.join('|'), 'g'), '').replaceAll(`${runtime}.import(`, 'import(').replaceAll(`${runtime}.meta`, 'import.meta')
}

function isInFinally(ancestors: readonly Node[]): boolean {
  return ancestors.some((node, index) => node.type === 'TryStatement' && (node as Node & { finalizer: Node | null }).finalizer === ancestors[index + 1])
}

/** Whether a loop calls what may take long, in its head or its body. */
function calls(loop: Node): boolean {
  let found = false
  const note = () => void (found = true)
  simple(loop, { CallExpression: (node) => void (found ||= !isMath(node)), NewExpression: note, TaggedTemplateExpression: note, ImportExpression: note }, outsideFunctions)
  return found
}

/** What a number costs is not worth a check. */
function isMath({ callee }: CallExpression): boolean {
  return callee.type === 'MemberExpression' && callee.object.type === 'Identifier' && callee.object.name === 'Math'
}
