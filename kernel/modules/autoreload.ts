/** Which files are loaded anew when they have changed: none, those that are named, all but those that are kept. */
export type AutoreloadMode = 'off' | 'explicit' | 'all'

/** What %autoreload and %aimport say. https://ipython.readthedocs.io/en/stable/config/extensions/autoreload.html */
export class Autoreload {
  mode: AutoreloadMode = 'all'
  readonly named = new Set<string>()
  readonly kept = new Set<string>()

  /** Whether a file that has changed is loaded anew before a cell, or now. */
  isWanted(path: string, mode = this.mode): boolean {
    return (mode === 'all' && !this.kept.has(path)) || (mode === 'explicit' && this.named.has(path))
  }
}
