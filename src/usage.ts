/** What was asked for cannot be done as asked: one sentence for the person, exit code 2. */
export class UsageError extends Error {}
