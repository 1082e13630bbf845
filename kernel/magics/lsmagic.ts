import type { Magic } from './magic.ts'

export const lsmagic: Magic = {
  name: 'lsmagic',
  summary: 'list the magics',
  line(_argument, { magics, print }) {
    const all = [...magics]
    const list = (title: string, sign: string, isCell: boolean) => {
      const lines = all.filter(({ line, cell }) => (isCell ? cell : line)).map(({ name, summary }) => `${(/^\w/.test(name) ? sign + name : '!command').padEnd(14)} ${summary}`)
      return `Available ${title} magics:\n${lines.join('\n')}\n`
    }
    print(`${list('line', '%', false)}\n${list('cell', '%%', true)}\n%name? explains one. A name of your own: hone.magic(name, (argument, body, context) => value).\n`)
  },
}
