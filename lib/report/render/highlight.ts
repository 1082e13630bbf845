import { createHighlighterCore } from 'shiki/core'
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript'
import bash from 'shiki/langs/bash.mjs'
import json from 'shiki/langs/json.mjs'
import python from 'shiki/langs/python.mjs'
import typescript from 'shiki/langs/typescript.mjs'
import dark from 'shiki/themes/github-dark.mjs'
import light from 'shiki/themes/github-light.mjs'

const highlighter = await createHighlighterCore({
  langs: [typescript, json, bash, python],
  themes: [light, dark],
  langAlias: { ts: 'typescript', js: 'typescript', javascript: 'typescript', sh: 'bash', shell: 'bash', py: 'python' },
  engine: createJavaScriptRegexEngine(),
})
const languages = new Set([...highlighter.getLoadedLanguages(), 'js', 'javascript'])

/** Code as HTML in colours for light and dark pages; a language that is not known stays plain. */
export function highlighted(code: string, language: string): string {
  return highlighter.codeToHtml(code.replace(/\n$/, ''), {
    lang: languages.has(language) ? language : 'text',
    themes: { light: 'github-light', dark: 'github-dark' },
    defaultColor: false,
  })
}
