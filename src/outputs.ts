import type { Message } from '../kernel/client.ts'
import type { CodeCell, DisplayOutput, MimeBundle, Output, StreamOutput } from '../lib/report/notebook.ts'
import { StreamText } from './stream.ts'

interface DisplayContent {
  data: MimeBundle
  metadata: Record<string, unknown>
  transient?: { display_id?: string }
  execution_count?: number
}

/** Turns the messages of a run into the outputs that a notebook stores, as Jupyter does: streams merged, displays updated, clears honoured. */
export class Outputs {
  readonly #displays = new Map<string, DisplayOutput[]>()
  #cell: CodeCell | undefined
  #stream: { readonly output: StreamOutput; readonly text: StreamText } | undefined
  #clearNext = false

  /** What comes from now on belongs to this cell. */
  begin(cell: CodeCell): void {
    this.end()
    this.#cell = cell
    this.#clearNext = false
  }

  /** Writes out what a stream has gathered. */
  end(): void {
    if (this.#stream) this.#stream.output.text = String(this.#stream.text)
    this.#stream = undefined
  }

  apply({ header, content }: Message): void {
    switch (header.msg_type) {
      case 'stream': return this.#write(content as { name: StreamOutput['name']; text: string })
      case 'display_data': return this.#display(content as unknown as DisplayContent)
      case 'execute_result': return this.#display(content as unknown as DisplayContent)
      case 'update_display_data': return this.#update(content as unknown as DisplayContent)
      case 'error': return this.#add({ output_type: 'error', ...(content as { ename: string; evalue: string; traceback: string[] }) })
      case 'clear_output': return content.wait ? void (this.#clearNext = true) : this.#clear()
    }
  }

  #write({ name, text }: { name: StreamOutput['name']; text: string }): void {
    if (this.#clearNext || this.#stream?.output.name !== name) {
      const output: StreamOutput = { output_type: 'stream', name, text: '' }
      this.#add(output)
      this.#stream = { output, text: new StreamText() }
    }
    this.#stream?.text.append(text)
  }

  #display({ data, metadata, transient, execution_count: count }: DisplayContent): void {
    const output: DisplayOutput = count === undefined ? { output_type: 'display_data', data, metadata } : { output_type: 'execute_result', execution_count: count, data, metadata }
    this.#add(output)
    const id = transient?.display_id
    if (id) this.#displays.set(id, [...(this.#displays.get(id) ?? []), output])
  }

  #update({ data, metadata, transient }: DisplayContent): void {
    for (const output of this.#displays.get(transient?.display_id ?? '') ?? []) Object.assign(output, { data, metadata })
  }

  #add(output: Output): void {
    if (this.#clearNext) this.#clear()
    this.end()
    this.#cell?.outputs.push(output)
  }

  #clear(): void {
    this.#stream = undefined
    this.#clearNext = false
    if (this.#cell) this.#cell.outputs = []
  }
}
