/** HTML that is safe to send: made by `html` alone. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly Markup[] | null;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** A template whose inserted texts are escaped, for content and for quoted attributes; inserted markup stays as it is, null is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Markup {
  let text = strings[0] ?? "";
  values.forEach((value, index) => {
    text += toHtml(value) + (strings[index + 1] ?? "");
  });
  return new Markup(text);
}

/** Text from outside, fit to show: no control, format or lone surrogate characters, at most 300 characters; null when nothing is left. */
export function sanitizeText(text: string | null): string | null {
  if (text === null) return null;
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "").trim();
  return clean === "" ? null : Array.from(clean).slice(0, 300).join("");
}

function toHtml(value: Value): string {
  if (value === null) return "";
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map((one) => one.text).join("\n");
  return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}
