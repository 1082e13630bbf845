import { toJavaScript } from '../typescript.ts'

/** A line of a cell that asks about a name: `name?`, `name??` or `%name?`. */
export interface Question {
  /** What is asked about. */
  text: string
  /** `??` asks for the source too. */
  withSource: boolean
}

const QUESTION = /^[^\S\n]*(%{0,2}[\w$.]+)(\?{1,2})[^\S\n]*;?$/gm

/** Takes the questions out of a cell; the other lines keep their places. */
export function takeQuestions(code: string): { rest: string; questions: Question[] } {
  const questions: Question[] = []
  const rest = code.replace(QUESTION, (_line, text: string, marks: string) => {
    questions.push({ text, withSource: marks === '??' })
    return ''
  })
  return questions.length > 0 && isTypeScript(code) ? { rest: code, questions: [] } : { rest, questions }
}

/** A line of a conditional expression may look like a question. */
function isTypeScript(code: string): boolean {
  try {
    toJavaScript(code)
    return true
  } catch {
    return false
  }
}
