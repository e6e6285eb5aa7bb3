import { readdirSync, readFileSync } from "node:fs";

export interface Fence {
  /** The text after the opening backticks. */
  readonly info: string;
  readonly text: string;
  readonly line: number;
}

/** A page of the documentation. */
export class MarkdownPage {
  readonly path: string;
  readonly text: string;

  constructor(path: string, text = readFileSync(path, "utf8")) {
    this.path = path;
    this.text = text;
  }

  get fences(): Fence[] {
    return [...this.text.matchAll(/^( *)```([^\n`]*)\n([\s\S]*?)^\1```$/gm)].map((match) => ({
      info: (match[2] ?? "").trim(),
      text: match[3] ?? "",
      line: this.text.slice(0, match.index).split("\n").length,
    }));
  }

  /** The text without its fenced blocks. */
  get prose(): string {
    return this.text.replaceAll(/^( *)```[^\n`]*\n[\s\S]*?^\1```$/gm, "");
  }

  /** The headings without their `#`. */
  get headings(): string[] {
    return [...this.prose.matchAll(/^#+ (.*)$/gm)].map((match) => match[1] ?? "");
  }

  /** The anchors of headings, as GitHub generates them, and explicit ones. */
  get anchors(): string[] {
    const made = this.headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );
    return [
      ...made,
      ...[...this.text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1] ?? ""),
    ];
  }

  get links(): string[] {
    return [...this.prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  }

  /** The text under a heading, up to the next one of the same or a higher level. */
  section(heading: string): MarkdownPage {
    const lines = this.text.split("\n");
    const start = lines.findIndex(
      (line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading,
    );
    if (start < 0) throw new Error(`${this.path} has no heading "${heading}".`);
    const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 0;
    const end = lines.findIndex(
      (line, index) => index > start && (/^(#+) /.exec(line)?.[1]?.length ?? level + 1) <= level,
    );
    return new MarkdownPage(
      `${this.path} (${heading})`,
      lines.slice(start, end < 0 ? undefined : end).join("\n"),
    );
  }

  /** The body rows of each table, with trimmed and unescaped cells. */
  get tables(): string[][][] {
    return [...this.prose.matchAll(/^ *\|.*\|\n *\|(?: *-+ *\|)+\n((?: *\|.*\|(?:\n|$))*)/gm)].map(
      (match) =>
        (match[1] ?? "")
          .split("\n")
          .filter((line) => line.trim() !== "")
          .map((line) =>
            line
              .trim()
              .slice(1, -1)
              .split(/(?<!\\)\|/)
              .map((cell) => cell.trim().replaceAll("\\|", "|")),
          ),
    );
  }
}

/** The pages for users, which ship with the package, and the one for contributors. */
export function publishedPages(): MarkdownPage[] {
  const inDocs = readdirSync("docs").filter((name) => name.endsWith(".md"));
  return [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    ...inDocs.map((name) => `docs/${name}`),
  ].map((path) => new MarkdownPage(path));
}

/** The code spans of a cell. */
export function codesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "");
}
