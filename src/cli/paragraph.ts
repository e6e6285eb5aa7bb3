import { displayWidth } from "./terminal/text.js";

/** Breaks a text between words into lines of at most `width` columns; later lines are indented. A word too long stays whole: it may be an address. */
export function wrapWords(text: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const extended = line === "" && lines.length === 0 ? word : `${line} ${word}`;
    if (displayWidth(extended) <= width || line.trim() === "") {
      line = line.trim() === "" && lines.length > 0 ? " ".repeat(indent) + word : extended;
    } else {
      lines.push(line);
      line = " ".repeat(indent) + word;
    }
  }
  return [...lines, line];
}

/** Names and values in two columns; a value that does not fit goes on under itself. */
export function fieldLines(
  fields: readonly (readonly [string, string])[],
  width: number,
  margin: number,
): string[] {
  const nameWidth = Math.max(0, ...fields.map(([name]) => displayWidth(name)));
  return fields.flatMap(([name, value]) => {
    const head = " ".repeat(margin) + name + " ".repeat(nameWidth - displayWidth(name) + 2);
    const [first = "", ...continuation] = wrapWords(value, width - displayWidth(head), 0);
    return [head + first, ...continuation.map((line) => " ".repeat(displayWidth(head)) + line)];
  });
}
