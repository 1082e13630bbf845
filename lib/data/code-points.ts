/** UTF-8 sorts as code points do; JavaScript's own order is that of UTF-16. */
export const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
