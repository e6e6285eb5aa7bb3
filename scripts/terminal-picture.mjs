// Makes the pictures of the README: docs/images/demo.svg from a real run of the built demo in a
// pseudoterminal, and docs/images/authorization-page.png from scripts/screenshots.mjs. Needs the
// built and compiled sources, `script` (util-linux) and Chromium.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { clearTimeout, setTimeout } from "node:timers";

const COLUMNS = 106;
const ROWS = 28;
const CHANGES = 5;
const TIMEOUT_MS = 60_000;
const IMAGES = "docs/images";

/** The part of a terminal that the demo uses: cursor position, erasing, and SGR (ECMA-48). */
class Terminal {
  #cells = [];
  #row = 0;
  #column = 0;
  #style = "";
  #partial = "";

  constructor() {
    this.#erase(0, 0);
  }

  /** Rows of runs: adjacent cells of the same style. `codes` are the parameters of SGR. */
  get rows() {
    return this.#cells.map((cells) => {
      const runs = [];
      cells.forEach(({ text, style }, column) => {
        const last = runs.at(-1);
        if (last?.codes === style) last.text += text;
        else runs.push({ column, text, codes: style });
      });
      return runs;
    });
  }

  get text() {
    return this.#cells.map((cells) => cells.map(({ text }) => text).join("")).join("\n");
  }

  write(text) {
    const input = this.#partial + text;
    // eslint-disable-next-line no-control-regex
    const tokens = /\u001b\[([?\d;]*)([A-Za-z])|\u001b(?:\[[?\d;]*)?$|([^])/gu;
    this.#partial = "";
    for (const [token, parameters, command, character] of input.matchAll(tokens)) {
      if (command !== undefined) this.#control(command, parameters);
      else if (character === undefined) this.#partial = token;
      else this.#print(character);
    }
  }

  #control(command, parameters) {
    if (command === "m") this.#style = parameters === "0" ? "" : parameters;
    else if (command === "H") {
      [this.#row, this.#column] = parameters.split(";").map((value) => (Number(value) || 1) - 1);
    } else if (command === "K") this.#cells[this.#row].fill(BLANK, this.#column);
    else if (command === "J") this.#erase(parameters === "2" ? 0 : this.#row, this.#column);
  }

  #print(character) {
    if (character === "\r") this.#column = 0;
    else if (character === "\n") this.#row = Math.min(ROWS - 1, this.#row + 1);
    else if (this.#column < COLUMNS) {
      this.#cells[this.#row][this.#column++] = { text: character, style: this.#style };
    }
  }

  #erase(fromRow) {
    for (let row = fromRow; row < ROWS; row++) this.#cells[row] = Array(COLUMNS).fill(BLANK);
  }
}

const BLANK = { text: " ", style: "" };

/**
 * Runs the demo until its table shows the latest step and some changes. Resolves with the screen.
 */
async function runDemo() {
  const size = `stty cols ${COLUMNS + 1} rows ${ROWS}`;
  const command = `${size}; exec '${process.execPath}' dist/demo.mjs --speed 60`;
  // With CI set, Node reports a terminal without colors.
  const env = { ...process.env, TERM: "xterm-256color" };
  delete env.CI;
  const demo = spawn("script", ["-qec", command, "/dev/null"], {
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const terminal = new Terminal();
  let hasPicture = false;
  const exit = new Promise((resolve) => demo.once("close", resolve));
  const deadline = setTimeout(() => demo.kill(), TIMEOUT_MS);
  demo.stdout.setEncoding("utf8");
  demo.stdout.on("data", (text) => {
    if (hasPicture) return;
    terminal.write(text);
    const [table, changes] = terminal.text.split("LATEST CHANGES");
    const hasOlderSteps = /\d\. First sweep/.test(table) || !/\d\. Polling every/.test(table);
    if (hasOlderSteps || (changes?.match(/→/g) ?? []).length < CHANGES) return;
    hasPicture = true;
    demo.stdin.write("q");
  });
  await exit;
  clearTimeout(deadline);
  if (!hasPicture) throw new Error("The demo exited before it showed enough changes.");
  return terminal;
}

const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 18;
const PADDING = 14;
const BACKGROUND = "#0d1117";
const FOREGROUND = "#e6edf3";
const COLORS = {
  31: "#ff7b72",
  32: "#3fb950",
  33: "#d29922",
  35: "#d2a8ff",
  36: "#39c5cf",
  90: "#8b949e",
  91: "#ffa198",
};

function svgOf(terminal) {
  const width = COLUMNS * CELL_WIDTH + 2 * PADDING;
  const height = ROWS * LINE_HEIGHT + 2 * PADDING;
  const title = "The demo: a table of people, their presence, and its latest changes";
  const body = terminal.rows.flatMap((runs, row) => runs.flatMap((run) => runSvg(run, row)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<title>${title}</title>
<style>text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }</style>
<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
${body.join("\n")}
</svg>
`;
}

function runSvg({ column, text, codes }, row) {
  const styles = new Set(codes.split(";"));
  const isInverse = styles.has("7");
  const color = COLORS[codes.split(";").find((code) => code in COLORS)] ?? FOREGROUND;
  const top = PADDING + row * LINE_HEIGHT;
  const left = (cell) => (PADDING + cell * CELL_WIDTH).toFixed(1);
  const attributes = [
    `fill="${isInverse ? BACKGROUND : color}"`,
    ...(styles.has("1") ? ['font-weight="bold"'] : []),
    ...(styles.has("2") ? ['opacity="0.6"'] : []),
  ].join(" ");
  // Words are positioned one by one, and symbols apart, because fonts differ in their widths.
  const words = [...text.matchAll(/[\p{L}\p{N}\p{P}+=<>|~$]+(?: [\p{L}\p{N}\p{P}+=<>|~$]+)*|\S/gu)];
  const background = isInverse
    ? [
        `<rect x="${left(column)}" y="${top}" width="${(text.length * CELL_WIDTH).toFixed(1)}" height="${LINE_HEIGHT}" fill="${FOREGROUND}"/>`,
      ]
    : [];
  return [
    ...background,
    ...words.map(({ 0: word, index }) => {
      const length = (word.length * CELL_WIDTH).toFixed(1);
      return `<text x="${left(column + index)}" y="${top + 13}" textLength="${length}" lengthAdjust="spacingAndGlyphs" ${attributes}>${escapeXml(word)}</text>`;
    }),
  ];
}

function escapeXml(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

mkdirSync(IMAGES, { recursive: true });
writeFileSync(`${IMAGES}/demo.svg`, svgOf(await runDemo()));
const { status } = spawnSync(process.execPath, ["scripts/screenshots.mjs"], { stdio: "inherit" });
if (status !== 0) throw new Error("scripts/screenshots.mjs failed.");
const pictures = {
  "authorized-1280-light": "authorization-page",
  "dashboard-polling-1180-light": "dashboard",
  "dashboard-problems-1180-dark": "dashboard-problems",
};
for (const [screenshot, picture] of Object.entries(pictures))
  copyFileSync(`build/screenshots/${screenshot}.png`, `${IMAGES}/${picture}.png`);
console.log(`Wrote ${IMAGES}/demo.svg and ${Object.values(pictures).join(", ")} in PNG`);
