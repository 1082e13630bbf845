// What package-lock.json asks for, beside what lies in node_modules.

/**
 * @typedef {{ version?: string, optional?: boolean, link?: boolean, os?: string[], cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} Entry
 * @typedef {{ platform: string, arch: string, libc: string | undefined }} Machine
 */

/** The machine as npm names it. */
export function thisMachine() {
  const { platform, arch } = process
  return { platform, arch, libc: platform === 'linux' ? libc() : undefined }
}

/** Whether a package's `os`, `cpu` and `libc` allow this machine. @type {(entry: Entry, machine: Machine) => boolean} */
export function suits({ os, cpu, libc }, machine) {
  return allows(os, machine.platform) && allows(cpu, machine.arch) && (machine.libc === undefined || allows(libc, machine.libc))
}

/**
 * The entries of a lock file that are not installed, by what is lost without them: `required` ones, `binaries` of this machine (which
 * `--omit=optional` leaves out too, though the packages they belong to are there), and the project's own `optional` packages.
 * @param {Record<string, Entry>} locked by place, the root under ''
 * @param {Record<string, Entry>} installed
 * @param {Machine} machine
 */
export function missing(locked, installed, machine) {
  const lost = { required: [], binaries: [], optional: [] }
  const binaries = binariesOf(locked)
  const optional = new Set(Object.keys(locked[''].optionalDependencies ?? {}))
  for (const [place, entry] of Object.entries(locked)) {
    if (place === '' || entry.link || installed[place]?.version === entry.version || !suits(entry, machine)) continue
    const name = nameOf(place)
    const spec = `${name}@${entry.version}`
    if (!entry.optional) lost.required.push(spec)
    else if (binaries.has(name)) lost.binaries.push(spec)
    else if (optional.has(name)) lost.optional.push(spec)
  }
  return lost
}

/** Names of the optional dependencies of packages that are not optional themselves, and of theirs in turn. */
function binariesOf(locked) {
  const names = new Set()
  const entries = Object.entries(locked).filter(([place]) => place !== '')
  for (let before = -1; before < names.size; ) {
    before = names.size
    const parents = entries.filter(([place, entry]) => !entry.optional || names.has(nameOf(place)))
    for (const [, { optionalDependencies = {} }] of parents) for (const name of Object.keys(optionalDependencies)) names.add(name)
  }
  return names
}

function nameOf(place) {
  return place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

function allows(list, value) {
  if (!list) return true
  if (list.includes(`!${value}`)) return false
  return list.includes(value) || list.every((item) => item.startsWith('!'))
}

function libc() {
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
}
