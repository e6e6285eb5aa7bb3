/** What was typed, or piped in, cannot be used: exit code 2. The message never repeats it, because it may be a secret. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string;

  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}
