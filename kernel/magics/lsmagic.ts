import type { Magic } from './magic.ts'

export const lsmagic: Magic = {
  name: 'lsmagic',
  summary: 'list the magics',
  line(_argument, { magics, print }) {
    for (const { name, summary, line, cell } of magics) {
      const forms = [line && `%${name}`, cell && `%%${name}`].filter(Boolean).join(' ')
      print(`${forms.padEnd(20)} ${summary}\n`)
    }
  },
}
