/** HTML that is safe to send: made by `html` alone. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = string | number | Markup | readonly Markup[] | null;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** A template whose inserted texts are escaped, for content and for quoted attributes; inserted markup stays as it is, null is nothing. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = strings[0] ?? "";
  pieces.forEach((piece, index) => {
    text += shown(piece) + (strings[index + 1] ?? "");
  });
  return new Markup(text);
}

/** Text from outside, fit to show: no control, format or lone surrogate characters, at most 300 characters; null when nothing is left. */
export function foreignText(text: string | null): string | null {
  if (text === null) return null;
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "").trim();
  return clean === "" ? null : Array.from(clean).slice(0, 300).join("");
}

function shown(piece: Piece): string {
  if (piece === null) return "";
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === "object") return piece.map((one) => one.text).join("\n");
  return String(piece).replace(/[&<>"']/g, (character) => ESCAPES[character] ?? "");
}
