import { CHARACTER_WIDTH } from './theme.ts'

/** A labelled mark, in pixels from the plot's top left corner. */
export interface Labelled {
  readonly x: number
  readonly y: number
  /** Of its mark. */
  readonly radius: number
  readonly text: string
}

/** Where a label goes: an offset from its mark's centre, and which end of the text is there. */
export interface Placement {
  readonly dx: number
  readonly dy: number
  readonly align: 'left' | 'center' | 'right'
}

interface Box {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

const FONT_SIZE = 11

/** Puts each label where it covers least of the marks and of the labels before it, and stays inside the plot; right of its mark where that is free. */
export function placeLabels(marks: readonly Labelled[], width: number, height: number): Placement[] {
  const taken: Box[] = marks.map(({ x, y, radius }) => ({ left: x - radius, right: x + radius, top: y - radius, bottom: y + radius }))
  return marks.map((mark) => {
    const costs = candidates(mark.radius).map((placement, preference) => {
      const box = labelBox(mark, placement)
      const covered = taken.reduce((sum, other) => sum + overlap(box, other), 0)
      return { placement, box, cost: covered + 20 * outside(box, width, height) + preference }
    })
    const { placement, box } = costs.reduce((best, candidate) => (candidate.cost < best.cost ? candidate : best))
    taken.push(box)
    return placement
  })
}

/** Around the mark, nearest first, then further up and down. */
function candidates(radius: number): Placement[] {
  const aside = radius + 5
  const over = radius + FONT_SIZE * 0.9
  return [
    { dx: aside, dy: 0, align: 'left' }, { dx: -aside, dy: 0, align: 'right' },
    { dx: 0, dy: -over, align: 'center' }, { dx: 0, dy: over, align: 'center' },
    ...[1, 2, 3].flatMap((step): Placement[] => [
      { dx: aside, dy: -step * over, align: 'left' }, { dx: aside, dy: step * over, align: 'left' },
      { dx: -aside, dy: -step * over, align: 'right' }, { dx: -aside, dy: step * over, align: 'right' },
    ]),
  ]
}

function labelBox({ x, y, text }: Labelled, { dx, dy, align }: Placement): Box {
  const width = CHARACTER_WIDTH * FONT_SIZE * text.length
  const left = x + dx - (align === 'left' ? 0 : align === 'right' ? width : width / 2)
  return { left, right: left + width, top: y + dy - FONT_SIZE / 2 - 1, bottom: y + dy + FONT_SIZE / 2 + 1 }
}

function overlap(a: Box, b: Box): number {
  return Math.max(0, Math.min(a.right, b.right) - Math.max(a.left, b.left)) * Math.max(0, Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
}

function outside({ left, right, top, bottom }: Box, width: number, height: number): number {
  return Math.max(0, -left) + Math.max(0, right - width) + Math.max(0, -top) + Math.max(0, bottom - height)
}
