import { displayWidth } from "./terminal-text.js";

/** Breaks a text between words into lines of at most `width` columns; later lines are indented. A word too long stays whole: it may be an address. */
export function paragraph(text: string, width: number, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" && lines.length === 0 ? word : `${line} ${word}`;
    if (displayWidth(longer) <= width || line.trim() === "") {
      line = line.trim() === "" && lines.length > 0 ? " ".repeat(indent) + word : longer;
    } else {
      lines.push(line);
      line = " ".repeat(indent) + word;
    }
  }
  return [...lines, line];
}

/** Names and values in two columns; a value that does not fit goes on under itself. */
export function factLines(facts: readonly (readonly [string, string])[], width: number, margin: number): string[] {
  const nameWidth = Math.max(0, ...facts.map(([name]) => displayWidth(name)));
  return facts.flatMap(([name, value]) => {
    const head = " ".repeat(margin) + name + " ".repeat(nameWidth - displayWidth(name) + 2);
    const [first = "", ...others] = paragraph(value, width - displayWidth(head), 0);
    return [head + first, ...others.map((line) => " ".repeat(displayWidth(head)) + line)];
  });
}
