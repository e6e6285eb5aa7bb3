/**
 * A text that must never be shown: a token, a client secret, a code. However it is printed (template, JSON, util.inspect, a log
 * record) it reads `[secret]`; only `reveal()` gives the text, at the one place that sends or stores it.
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
