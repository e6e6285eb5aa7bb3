// Errors of the release whose message says all that there is to say.

/** What prevents a release. The exit code is 1. */
export class ReleaseError extends Error {}

/** What is wrong with the command's options or its environment. The exit code is 2. */
export class UsageError extends ReleaseError {}
