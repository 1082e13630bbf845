import { stripVTControlCharacters } from 'node:util'
import cliProgress from 'cli-progress'
import type { Message } from '../kernel/client.ts'
import type { MimeBundle } from '../lib/report/notebook.ts'

/** How a run shows on a terminal, or in a log, where it stands. */
export interface RunProgress {
  begin(cell: number, cells: number, label: string): void
  /** Lets the cell's own progress through, a line at a time. */
  show(message: Message): void
  end(): void
}

export function runProgress(stream: NodeJS.WriteStream = process.stderr): RunProgress {
  return stream.isTTY ? bar(stream) : lines(stream)
}

/** Characters of a heading that leave room for progress beside it. */
const HEADING_WIDTH = 32

function bar(stream: NodeJS.WriteStream): RunProgress {
  const options = { format: '{bar} {cell}/{total}  {duration_formatted}  {label}', barsize: 24, hideCursor: true, clearOnComplete: true, linewrap: false, stream, fps: 8 }
  const line = new cliProgress.SingleBar(options, cliProgress.Presets.shades_classic)
  let heading = ''
  return {
    begin(cell, cells, label) {
      heading = label
      if (cell === 1 || !line.isActive) line.start(cells, cell - 1, { cell, label })
      else line.update(cell - 1, { cell, label })
    },
    show(message) {
      const text = lastLine(message)
      if (text) line.update({ label: `${heading.slice(0, HEADING_WIDTH)} · ${text}` })
    },
    end: () => line.stop(),
  }
}

const BETWEEN_LINES = 3000

function lines(stream: NodeJS.WriteStream): RunProgress {
  let last = 0
  return {
    begin(cell, cells, label) {
      last = performance.now()
      stream.write(`[${cell}/${cells}] ${label}\n`)
    },
    show(message) {
      const text = performance.now() - last < BETWEEN_LINES ? undefined : lastLine(message)
      if (!text) return
      last = performance.now()
      stream.write(`    ${text}\n`)
    },
    end: () => {},
  }
}

/** The newest line of a stream or of an updating display; results and tables are left to the report. */
function lastLine({ header, content }: Message): string | undefined {
  const text = header.msg_type === 'stream' ? content.text : header.msg_type === 'update_display_data' ? (content.data as MimeBundle)['text/plain'] : undefined
  return stripVTControlCharacters(String(text ?? '')).trim().split(/[\r\n]+/).at(-1)
}
