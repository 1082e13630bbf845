import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Message } from '../../kernel/client.ts'
import { codeCell } from '../../src/notebook.ts'
import { Outputs } from '../../src/outputs.ts'

const stream = (text: string, name = 'stdout') => ['stream', { name, text }] as const
const shown = (text: string, id?: string) => ['display_data', { data: { 'text/plain': text }, metadata: {}, transient: id ? { display_id: id } : {} }] as const
const updated = (text: string, id: string) => ['update_display_data', { data: { 'text/plain': text }, metadata: {}, transient: { display_id: id } }] as const
const cleared = (wait: boolean) => ['clear_output', { wait }] as const

/** What a notebook stores after each cell's messages. */
function outputsOf(...cells: (readonly (readonly [type: string, content: object])[])[]) {
  const outputs = new Outputs()
  const stored = cells.map((messages) => {
    const cell = codeCell('')
    outputs.begin(cell)
    for (const [type, content] of messages) outputs.apply({ header: { msg_type: type }, content } as unknown as Message)
    outputs.end()
    return cell
  })
  return stored.map((cell) => cell.outputs)
}

test('what one stream writes becomes one output, until something else comes between', () => {
  const [outputs] = outputsOf([stream('a'), stream('b\n'), stream('!', 'stderr'), stream('c'), shown('d'), stream('e')])
  assert.deepEqual(outputs.map((output) => ('text' in output ? `${output.name} ${String(output.text)}` : output.output_type)), ['stdout ab\n', 'stderr !', 'stdout c', 'display_data', 'stdout e'])
})

test('a carriage return writes over its line, also where messages cut it', () => {
  const [[output]] = outputsOf([stream('start\n10 %\r20'), stream(' %\r'), stream('30 %\r\nend\r'), stream('\n')])
  assert.deepEqual(output, { output_type: 'stream', name: 'stdout', text: 'start\n30 %\nend\n' })
})

test('an update changes a display of an earlier cell and all its copies', () => {
  const stored = outputsOf([shown('0 %', 'bar'), shown('other')], [shown('50 %', 'bar'), updated('100 %', 'bar'), updated('x', 'unknown')])
  const texts = stored.map((outputs) => outputs.map((output) => 'data' in output && output.data['text/plain']))
  assert.deepEqual(texts, [['100 %', 'other'], ['100 %']])
  assert.ok(!JSON.stringify(stored).includes('display_id'), 'what is transient is not stored')
})

test('clear_output clears at once, or with the next output', () => {
  assert.deepEqual(outputsOf([stream('a'), cleared(false)])[0], [])
  assert.equal(outputsOf([stream('a'), cleared(true)])[0].length, 1)
  assert.deepEqual(outputsOf([stream('a'), cleared(true), stream('b'), stream('c')])[0], [{ output_type: 'stream', name: 'stdout', text: 'bc' }])
  assert.equal(outputsOf([stream('a'), cleared(true)], [stream('b')])[1].length, 1)
})

test('results and errors are stored as they came', () => {
  const error = { ename: 'Error', evalue: 'boom', traceback: ['a', 'b'] }
  const [outputs] = outputsOf([['execute_result', { execution_count: 3, data: { 'text/plain': '1' }, metadata: {} }], ['error', error]])
  assert.deepEqual(outputs, [{ output_type: 'execute_result', execution_count: 3, data: { 'text/plain': '1' }, metadata: {} }, { output_type: 'error', ...error }])
})

test('of a flood both ends are kept, with or without lines', () => {
  for (const chunk of [`${'x'.repeat(99)}\n`.repeat(500), 'x'.repeat(50_000)]) {
    const [[output]] = outputsOf([stream('first'), ...Array.from({ length: 200 }, () => stream(chunk)), stream('last')])
    const text = 'text' in output ? String(output.text) : ''
    assert.ok(text.length < 4_000_000)
    assert.match(text.slice(0, 5) + text.slice(-4), /firstlast/)
    const lost = Number(/… ([\d,]+) characters left out …/.exec(text)![1].replaceAll(',', ''))
    assert.equal(text.replace(/\n… .* …\n/, '').length + lost, 200 * 50_000 + 9)
  }
})
