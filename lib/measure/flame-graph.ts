import { nameOf, placeOf, type Call } from './call-tree.ts'

const WIDTH = 960
const HEIGHT = 18
/** Narrower calls are left out. */
const LEAST = 0.8
const CHARACTER = 6.6
const DEEPEST = 60
const COLOURS = ['#f2cf5b', '#f28e2b', '#edc948', '#e8a04b', '#f4b266', '#f7c873']

/** Who called whom, drawn as SVG: a call is as wide as what it took, and stands on its caller. https://www.brendangregg.com/flamegraphs.html */
export function flameGraph(root: Call, amountText: (amount: number) => string): string {
  const scale = WIDTH / Math.max(1, root.total)
  const boxes: string[] = []
  let deepest = 0
  const draw = (call: Call, left: number, depth: number) => {
    const width = call.total * scale
    if (width < LEAST || depth > DEEPEST) return
    deepest = Math.max(deepest, depth)
    boxes.push(box(call, left, depth, width, `${amountText(call.total)}, ${((100 * call.total) / root.total).toFixed(1)} %`))
    for (const child of call.children.toSorted((a, b) => b.total - a.total)) {
      draw(child, left, depth + 1)
      left += child.total * scale
    }
  }
  let left = 0
  for (const call of root.children.toSorted((a, b) => b.total - a.total)) {
    draw(call, left, 0)
    left += call.total * scale
  }
  const height = (deepest + 1) * HEIGHT
  const attributes = `viewBox="0 0 ${WIDTH} ${height}" width="100%" font-family="monospace" font-size="11" role="img" aria-label="flame graph"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${boxes.join('')}</svg>`
}

function box({ frame }: Call, left: number, depth: number, width: number, amount: string): string {
  const name = nameOf(frame)
  const room = Math.floor((width - 4) / CHARACTER)
  const label = room < 3 ? '' : name.length > room ? `${name.slice(0, room - 1)}…` : name
  const colour = COLOURS[[...name].reduce((sum, character) => sum + character.charCodeAt(0), 0) % COLOURS.length]
  const y = depth * HEIGHT
  const area = `x="${left.toFixed(2)}" y="${y}" width="${Math.max(0, width - 0.5).toFixed(2)}" height="${HEIGHT - 1}" fill="${colour}"`
  const title = `<title>${escaped(`${name} ${placeOf(frame)}: ${amount}`)}</title>`
  return `<g>${title}<rect ${area}/><text x="${(left + 2).toFixed(2)}" y="${y + 12}" fill="#222">${escaped(label)}</text></g>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
