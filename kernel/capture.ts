import type { StreamName } from './threads.ts'

interface Output {
  messageType: string
  content: object
}

/** Which outputs are taken. */
export interface CaptureOptions {
  stdout?: boolean
  stderr?: boolean
  display?: boolean
}

const DISPLAYS = new Set(['display_data', 'update_display_data', 'execute_result', 'clear_output'])

/** Outputs that were kept from the notebook. */
export class Capture {
  stdout = ''
  stderr = ''
  readonly outputs: Output[] = []
  readonly #options: CaptureOptions

  constructor({ stdout = true, stderr = true, display = true }: CaptureOptions = {}) {
    this.#options = { stdout, stderr, display }
  }

  /** Whether the text is taken. */
  takeText(name: StreamName, text: string): boolean {
    const isTaken = this.#options[name] === true
    if (isTaken) this[name] += text
    return isTaken
  }

  /** Whether the output is taken. */
  takeOutput(messageType: string, content: object): boolean {
    const isTaken = this.#options.display === true && DISPLAYS.has(messageType)
    if (isTaken) this.outputs.push({ messageType, content })
    return isTaken
  }
}
