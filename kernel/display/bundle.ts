/** MIME type to content: text, JSON, or the base64 text of a binary type. */
export type MimeBundle = Record<string, unknown>

/** How one kind of value is shown beside its plain text, or undefined for a value of another kind. Never throws for one. */
export type View = (value: object) => MimeBundle | Promise<MimeBundle> | undefined
