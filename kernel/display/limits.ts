/** How much of a large value is shown. `%config` changes them. */
export const limits = {
  /** Rows of a table. */
  rows: 50,
  /** Columns of a table. */
  columns: 20,
  /** Levels of nested objects in plain text. */
  depth: 3,
  /** Entries of an array, a Map or a Set in plain text. */
  items: 100,
  /** Characters of a string, and of a whole plain text twice as many. */
  characters: 10_000,
}
