/** Okabe and Ito's colours, which people with colour blindness can tell apart. https://jfly.uni-koeln.de/color/ */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#4d4d4d'] as const

export const INK = '#24292f'
export const MUTED = '#6e7781'
const GRID = '#e6e8eb'
/** Unquoted: resvg does not look past a quoted name. */
const FONT = '-apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, Noto Sans, Liberation Sans, DejaVu Sans, sans-serif'

/** Share of the font's size that a character is wide: enough for DejaVu Sans, the widest of the fonts above. */
export const CHARACTER_WIDTH = 0.6

/** Axis labels as the rest of hone writes shares: 90 %. */
export const PERCENT_LABEL = "format(100 * datum.value, '~r') + ' %'"

/** Every chart's look: Vega-Lite's `config`. https://vega.github.io/vega-lite/docs/config.html */
export const THEME = {
  background: 'white',
  font: FONT,
  padding: 12,
  view: { stroke: null },
  range: { category: [...COLOURS] },
  title: { anchor: 'start', frame: 'group', fontSize: 15, fontWeight: 600, color: INK, subtitleFontSize: 12, subtitleColor: MUTED, subtitlePadding: 6, offset: 14 },
  axis: {
    labelColor: INK, labelFontSize: 11, labelPadding: 6,
    titleColor: MUTED, titleFontSize: 12, titleFontWeight: 400, titlePadding: 10,
    gridColor: GRID, domain: false, ticks: false,
  },
  axisX: { grid: false, domain: true, domainColor: MUTED, ticks: true, tickColor: MUTED, tickSize: 4 },
  legend: { labelColor: INK, labelFontSize: 11, titleColor: MUTED, titleFontSize: 12, titleFontWeight: 400, symbolStrokeWidth: 2 },
  line: { strokeWidth: 2, strokeCap: 'round' },
  point: { filled: true, size: 55 },
  rule: { color: MUTED },
  text: { color: INK, fontSize: 11 },
} as const
