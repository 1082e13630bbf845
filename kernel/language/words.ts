/** What the language server says of the documents that it is given, in the words of the person who has cells. */

/** A name of an earlier cell is an import only to the language server; links to files, and paths, lead nowhere in a notebook. */
export function ofCells(text: string, name: string): string {
  return text
    .replace(/^\(alias\) /gm, '')
    .replace(/\nimport \S+(?=\n```)/, '')
    .replace(/\[([^\]]+)\]\(file:[^)]+\)/g, '$1')
    .replace(/^module "[./][^"]*"$/gm, `namespace ${name}`)
}

/** The types of declared names are told by the modules that stand for cells. */
export function withoutModules(text: string): string {
  return text.replace(/(typeof )?import\("[^"]*\.hone-[^"]*"\)\.?/g, '')
}
