import { EventEmitter } from "node:events";

import { expect } from "chai";

import { KeyParser, onKeys, type Key } from "../../../src/cli/terminal/keys.js";

describe("cli/terminal/keys", () => {
  const keysIn = (...chunks: readonly string[]): Key[] => {
    const parser = new KeyParser();
    return chunks.flatMap((chunk) => parser.feed(chunk));
  };

  it("finds letters, Ctrl+C and Ctrl+D, also without a pause between them", () => {
    expect(keysIn("q", "Q", "\u0003", "\u0004")).to.deep.equal(["quit", "quit", "quit", "quit"]);
    expect(keysIn("xf?F1q")).to.deep.equal(["refresh", "refresh", "quit"]);
  });

  it("finds arrows, PgUp, PgDn, Home and End in the forms of different terminals", () => {
    for (const [key, sequences] of [
      ["up", ["[A", "OA"]],
      ["down", ["[B", "OB"]],
      ["pageUp", ["[5~"]],
      ["pageDown", ["[6~"]],
      ["home", ["[H", "OH", "[1~", "[7~"]],
      ["end", ["[F", "OF", "[4~", "[8~"]],
    ] as const) {
      for (const sequence of sequences) {
        expect(keysIn(`\u001b${sequence}\u001b${sequence}f`)).to.deep.equal([key, key, "refresh"]);
      }
    }
  });

  it("takes no letter of another key's sequence for a key", () => {
    expect(keysIn("\u001b[1;5F", "\u001bOQ", "\u001b[15~", "\u001b[?1;2c")).to.deep.equal([]);
    expect(keysIn("A", "[B", "OF")).to.deep.equal(["refresh"]);
  });

  it("finds a sequence that arrives in pieces, wherever it is cut", () => {
    for (const sequence of ["\u001b[6~", "\u001b[B", "\u001bOB"]) {
      for (let at = 1; at < sequence.length; at += 1) {
        const keys = keysIn(sequence.slice(0, at), `${sequence.slice(at)}q`);
        expect(keys, JSON.stringify([sequence, at])).to.have.length(2);
        expect(keys[1]).to.equal("quit");
      }
    }
    expect(keysIn("\u001b", "q"), "a lone Esc").to.deep.equal(["quit"]);
  });

  it("restores the terminal when disposed", () => {
    const modes: boolean[] = [];
    const input = Object.assign(new EventEmitter(), {
      setRawMode: (raw: boolean) => modes.push(raw),
      pause: () => undefined,
    });
    const keys: Key[] = [];
    const dispose = onKeys(input as unknown as Parameters<typeof onKeys>[0], (key) =>
      keys.push(key),
    );
    for (const text of ["x", "q", "\u001b[A"]) input.emit("data", Buffer.from(text));
    dispose();
    input.emit("data", Buffer.from("q"));
    expect(keys).to.deep.equal(["quit", "up"]);
    expect(modes).to.deep.equal([true, false]);
  });
});
