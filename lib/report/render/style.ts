import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The page's own style: one measure of text, quiet code, light and dark. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2128; --faint: #59636e; --line: #d9dee3; --panel: #f6f8fa; --link: #0a5bc4; --bad: #c4262e; --bad-panel: #fff1f0; --mark: #3f6fb0;
  --text: system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", "JetBrains Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #12161c; --ink: #dde3ea; --faint: #919cab; --line: #2e3640; --panel: #1a2028; --link: #79b3ff; --bad: #ff7b72; --bad-panel: #2a1618; --mark: #7fa8dc; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 var(--text); }
.page { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.5rem 6rem; }
@media (min-width: 80rem) {
  .page { margin-left: max(18rem, calc(50vw - 27rem)); margin-right: 2rem; }
  nav.contents { position: fixed; top: 0; bottom: 0; left: max(1.5rem, calc(50vw - 45rem)); width: 15rem; padding: 3.1rem 0 2rem; overflow-y: auto; border: 0; margin: 0; }
  nav.contents summary { display: none; }
}
nav.contents { font-size: .85rem; line-height: 1.4; margin: 1.5rem 0; }
@media (max-width: 80rem) { nav.contents ol { columns: 14rem; margin-top: .5rem; } nav.contents li:first-child { margin-top: 0; } }
nav.contents summary { cursor: pointer; color: var(--faint); }
nav.contents ol { list-style: none; margin: 0; padding: 0; max-width: none; }
nav.contents li { margin: .45rem 0; break-inside: avoid; }
nav.contents li.level-3 { padding-left: 1rem; }
nav.contents a { color: var(--faint); }
nav.contents a:hover { color: var(--ink); }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
h1, h2, h3, h4 { line-height: 1.25; font-weight: 650; letter-spacing: -.012em; text-wrap: balance; }
h1 { font-size: 2.1rem; margin: 0 0 1rem; }
h2 { font-size: 1.45rem; margin: 3rem 0 .75rem; }
h3 { font-size: 1.12rem; margin: 2rem 0 .5rem; }
p, ul, ol { margin: .75rem 0; max-width: 46rem; }
li + li { margin-top: .2rem; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; border-left: 3px solid var(--line); color: var(--faint); }
hr { border: 0; border-top: 1px solid var(--line); margin: 2rem 0; }
code, pre { font-family: var(--mono); font-size: .84em; }
p code, li code, td code { padding: .1em .32em; border-radius: 4px; background: var(--panel); }
pre { margin: 0; line-height: 1.5; overflow: auto; tab-size: 2; }
pre code { font-size: inherit; }
img { max-width: 100%; height: auto; border-radius: 6px; }
@media (prefers-color-scheme: dark) { .display > img { background: #fff; padding: .5rem; } }
.shiki { padding: .8rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; font-size: .81rem; }
.shiki span { color: var(--shiki-light); }
@media (prefers-color-scheme: dark) { .shiki span { color: var(--shiki-dark); } }
table { border-collapse: collapse; font-size: .86rem; line-height: 1.4; font-variant-numeric: tabular-nums; margin: 1rem 0; display: block; max-width: 100%; overflow-x: auto; }
th { font-weight: 600; color: var(--faint); border-bottom: 1px solid var(--line); }
th, td { padding: .38rem .9rem .38rem 0; text-align: left; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr + tr > td { border-top: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }
.cell { position: relative; margin: 1.25rem 0; }
.cell .count { position: absolute; left: -3rem; top: 1rem; width: 2.5rem; text-align: right; font: .7rem var(--mono); color: var(--faint); opacity: .8; }
@media (max-width: 72rem) { .cell .count { display: none; } }
.cell .outputs { margin: .6rem 0 0; padding-left: 1rem; border-left: 2px solid var(--line); }
.cell .outputs:empty { display: none; }
.outputs > * + * { margin-top: .75rem; }
.outputs pre { font-size: .79rem; max-height: 32rem; }
.outputs .shiki { border: 0; padding: 0; background: none; }
.outputs table { margin: .25rem 0; max-height: 60rem; overflow: auto; width: fit-content; }
.outputs thead th { position: sticky; top: 0; background: var(--paper); }
.outputs p { font-size: .9rem; }
.outputs .stderr { color: #9a5b00; }
.outputs .error, .failure { padding: .8rem 1rem; border-left: 3px solid var(--bad); border-radius: 0 8px 8px 0; background: var(--bad-panel); white-space: pre-wrap; }
.failure { margin: 1.5rem 0; white-space: normal; }
.note, .kicker { color: var(--faint); font-size: .85rem; }
.kicker { margin: 0 0 .6rem; }
.summary { margin: 2rem 0 3rem; padding: 1.25rem 1.4rem .6rem; border: 1px solid var(--line); border-radius: 12px; }
.summary h2 { margin: 0 0 .5rem; font-size: 1.2rem; }
.summary th, .summary td { padding-right: .7rem; }
.summary td:last-child { min-width: 10rem; }
.summary details { margin: .75rem 0; font-size: .86rem; }
.summary summary { cursor: pointer; color: var(--faint); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: .75rem 0; font-size: .86rem; }
dt { color: var(--faint); }
dd { margin: 0; }
.ansi-bold { font-weight: 650; }
.ansi-black-fg, .ansi-bright-black-fg { color: var(--faint); }
.ansi-red-fg, .ansi-bright-red-fg { color: var(--bad); }
.ansi-green-fg, .ansi-bright-green-fg { color: #2a8a4a; }
.ansi-yellow-fg, .ansi-bright-yellow-fg { color: #a56a00; }
.ansi-blue-fg, .ansi-bright-blue-fg { color: var(--mark); }
.ansi-magenta-fg, .ansi-bright-magenta-fg { color: #9a4fb5; }
.ansi-cyan-fg, .ansi-bright-cyan-fg { color: #16808f; }
@media print { nav.contents { display: none; } .page { margin: 0; max-width: none; } .outputs pre, .outputs table { max-height: none; white-space: pre-wrap; } }
`

/** KaTeX's style with its fonts inside (300 kB): only a page with formulas carries it. */
export function formulaStyle(): string {
  const file = createRequire(import.meta.url).resolve('katex/dist/katex.min.css')
  const font = (name: string) => readFileSync(path.join(path.dirname(file), name), 'base64')
  return readFileSync(file, 'utf8').replaceAll(/src:url\(([^)]+\.woff2)\)[^;}]*/g, (_, name) => `src:url(data:font/woff2;base64,${font(name)}) format("woff2")`)
}
