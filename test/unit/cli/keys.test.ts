import { EventEmitter } from "node:events";

import { expect } from "chai";
import { useFakeTimers, type SinonFakeTimers } from "sinon";

import { commandOf, KeyParser, onKeys, type Key } from "../../../src/cli/terminal/keys.js";

describe("cli/terminal/keys", () => {
  /** Names of keys; a character stands for itself. */
  const nameOf = (key: Key): string => (key.name === "character" ? key.character : key.name);
  const keysIn = (...chunks: readonly string[]): string[] => {
    const parser = new KeyParser();
    return [...chunks.flatMap((chunk) => parser.feed(chunk)), ...parser.flush()].map(nameOf);
  };

  it("finds characters, also of two code units, and control keys, without a pause between them", () => {
    expect(keysIn("xé😀 ?")).to.deep.equal(["x", "é", "😀", " ", "?"]);
    expect(keysIn("\u0003\u0004\r\n\u0008\u007f\u0015a")).to.deep.equal([
      ...["interrupt", "interrupt", "enter", "enter", "backspace", "backspace", "clearLine", "a"],
    ]);
    expect(keysIn("\u0001\t\u009b"), "other control characters").to.deep.equal([]);
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
        expect(keysIn(`\u001b${sequence}\u001b${sequence}f`)).to.deep.equal([key, key, "f"]);
      }
    }
  });

  it("takes no letter of another key's sequence for a key", () => {
    expect(keysIn("\u001b[1;5F", "\u001bOQ", "\u001b[15~", "\u001b[?1;2c")).to.deep.equal([]);
    // The mouse, kitty's, and function keys of the Linux console.
    for (const sequence of ["[<0;10;10M", "[97;1:3u", "[>0;1c", "[[A", "[[E"]) {
      expect(keysIn(`\u001b${sequence}f`), sequence).to.deep.equal(["f"]);
      for (let at = 2; at < sequence.length; at += 1)
        expect(keysIn(`\u001b${sequence.slice(0, at)}`, `${sequence.slice(at)}f`)).to.deep.equal([
          "f",
        ]);
    }
    expect(keysIn("\u001b["), "an incomplete one").to.deep.equal([]);
  });

  it("finds a sequence that arrives in pieces, wherever it is cut", () => {
    for (const sequence of ["\u001b[6~", "\u001b[B", "\u001bOB"]) {
      for (let at = 1; at < sequence.length; at += 1) {
        const keys = keysIn(sequence.slice(0, at), `${sequence.slice(at)}q`);
        expect(keys, JSON.stringify([sequence, at])).to.have.length(2);
        expect(keys[1]).to.equal("q");
      }
    }
  });

  it("finds Esc if no sequence follows", () => {
    expect(keysIn("\u001b")).to.deep.equal(["escape"]);
    expect(keysIn("\u001b", "q")).to.deep.equal(["escape", "q"]);
    expect(keysIn("\u001b\u001b[A")).to.deep.equal(["escape", "up"]);
  });

  it("knows what keys do in a table", () => {
    const parser = new KeyParser();
    expect(parser.feed("qfF/sS?x\r\u0003\u007f\u001b[A").map(commandOf)).to.deep.equal([
      ...["quit", "refresh", "refresh", "search", "nextState", "previousState", "help", null],
      ...[null, "quit", null, "up"],
    ]);
  });

  describe("onKeys", () => {
    let clock: SinonFakeTimers;
    let modes: boolean[];
    let keys: string[];
    let dispose: () => void;
    let type: (text: string | Buffer) => void;

    beforeEach(() => {
      clock = useFakeTimers();
      modes = [];
      keys = [];
      const input = Object.assign(new EventEmitter(), {
        setRawMode: (raw: boolean) => modes.push(raw),
        pause: () => undefined,
      });
      dispose = onKeys(input as unknown as Parameters<typeof onKeys>[0], (key) =>
        keys.push(nameOf(key)),
      );
      type = (text) => input.emit("data", Buffer.from(text));
    });

    afterEach(() => {
      dispose();
      clock.restore();
    });

    it("restores the terminal when disposed", () => {
      for (const text of ["q", "\u001b[A", "\u001b"]) type(text);
      dispose();
      type("q");
      clock.tick(1_000);
      expect(keys).to.deep.equal(["q", "up"]);
      expect(modes).to.deep.equal([true, false]);
    });

    it("reports Esc soon after it was pressed, and no sequence that comes in pieces as Esc", () => {
      type("\u001b");
      expect(keys).to.deep.equal([]);
      clock.tick(150);
      expect(keys).to.deep.equal(["escape"]);
      type("\u001b");
      clock.tick(50);
      type("[A");
      clock.tick(1_000);
      expect(keys).to.deep.equal(["escape", "up"]);
    });

    it("reports a character whose bytes come in pieces", () => {
      for (const byte of Buffer.from("é山")) type(Buffer.of(byte));
      expect(keys).to.deep.equal(["é", "山"]);
    });
  });
});
