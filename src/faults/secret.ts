/**
 * A token, a client secret, a password or a code. Templates, JSON, `util.inspect` and log records
 * print it as `[secret]`; only `reveal()` returns the text, where it is sent or stored.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  equals(other: Secret): boolean {
    return this.#text === other.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

export function hasControlCharacter(text: string): boolean {
  return /\p{Control}/u.test(text);
}

/**
 * What is wrong with a client ID, client secret or token, which consist of printable ASCII
 * characters (RFC 6749, appendix A), or null. RFC 6749 allows spaces, but Webex issues none, and
 * where there is one, a label or another value was copied too. Continues a sentence about it, and
 * does not repeat it.
 */
export function findCredentialIssue(text: string): string | null {
  if (hasControlCharacter(text)) return "contains a control character";
  if (text.includes(" ")) return "contains a space";
  if (!/^[\x21-\x7e]*$/.test(text)) return "contains a character that is not ASCII";
  return /^(["'`]).*\1$/.test(text) ? "is in quotation marks" : null;
}
