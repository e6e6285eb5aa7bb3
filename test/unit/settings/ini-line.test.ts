import { expect } from "chai";
import fc from "fast-check";
import { parse } from "ini";

import { readIniLine } from "../../../src/platform/ini-line.js";

const entry = (name: string, value: string, verbatimValue = value) => ({
  ...{ kind: "entry", name, value, verbatimValue, joinedHeader: null },
  valueInFront: { value, verbatimValue },
});
const section = (name: string, rest = "", isComplete = true) => ({
  ...{ kind: "section", name, isComplete, rest, joinedHeader: null },
});
const incomplete = (name: string, rest = "") => section(name, rest, false);
const nothing = { kind: "nothing", joinedHeader: null };
/** `front`: the value in front of the joined header. */
const joined = (line: object, joinedHeader: string, front?: string) => ({
  ...{ ...line, joinedHeader },
  ...(front !== undefined && { valueInFront: { value: front, verbatimValue: front } }),
});

describe("readIniLine", () => {
  const lines: [string, object][] = [
    ["", nothing],
    ["   \t", nothing],
    ["; comment", nothing],
    ["  # comment=1", nothing],
    ["=1", entry("", "1")],
    ["a=1", entry("a", "1")],
    ["  a  =  1  ", entry("a", "1")],
    ["a=", entry("a", "")],
    ["a", entry("a", "")],
    ["a ; comment", entry("a", "")],
    ["a=b=c", entry("a", "b=c")],
    ["a=1 ; comment", entry("a", "1")],
    ["a=1#comment", entry("a", "1")],
    ["a=1\\;2\\#3", entry("a", "1;2#3", "1\\;2\\#3")],
    ['a="1;2#3"', entry("a", "1;2#3")],
    ["a='1;2'", entry("a", "1;2")],
    ["a='1;2' ; comment", entry("a", "1;2")],
    ['a="1" # "comment"', entry("a", "1")],
    ['a="1" "2"', entry("a", '1" "2')],
    ['a="1', entry("a", '"1')],
    ['a=" x "', entry("a", "x")],
    ['a="C:\\certs\\ca.pem"', entry("a", "C:\\certs\\ca.pem")],
    ['a="x\\ty"', entry("a", "x\ty", "x\\ty")],
    ["a=\\\\server\\b", entry("a", "\\server\\b", "\\\\server\\b")],
    ["a=b\\", entry("a", "b\\")],
    ["a=b\\\\;c", entry("a", "b\\", "b\\\\")],
    ["a=C:\\certs\\ca.pem", entry("a", "C:\\certs\\ca.pem")],
    ["a=true", entry("a", "true")],
    ["a=FALSE", entry("a", "FALSE")],
    ["a=false", entry("a", "false")],
    ["a=null", entry("a", "null")],
    ["a='5'", entry("a", "5")],
    ["a='{\"b\":1}'", entry("a", '{"b":1}')],
    ["a.b.c=1", entry("a.b.c", "1")],
    ["a.b='{\"c\":1}'", entry("a.b", '{"c":1}')],
    ['"a.b"=1', entry("a.b", "1")],
    ["a[]=1", entry("a", "1")],
    ["a[] ; [b]", entry("a", "")],
    ["[]=1", section("", "=1", false)],
    ["__proto__=1", entry("__proto__", "1")],
    ["constructor=1", entry("constructor", "1")],
    ["toString", entry("toString", "")],
    ["'null'=1", entry("null", "1")],
    ["[a]", section("a")],
    ["[ a ]  ", section("a")],
    ["\t [a]", section("a")],
    ["[\ta\t]", section("a")],
    ["[a.b.c]", section("a.b.c")],
    ["[]", section("")],
    ["[__proto__]", section("__proto__")],
    ["[a.__proto__]", section("a.__proto__")],
    ['["a"]', section("a")],
    ["[ 'a' ]", section("a")],
    ["[a] ; comment", section("a")],
    ["[a]# [comment]", section("a")],
    ["[a] b", section("a", "b")],
    ["[a]b=1", section("a", "b=1")],
    ["[a]]", section("a", "]")],
    ["[[a]]", section("[a", "]")],
    ["[a].b=1", incomplete("a", ".b=1")],
    ["[a] = 1", incomplete("a", "= 1")],
    ["[a", incomplete("a")],
    ["[a ; comment", incomplete("a")],
    ["a]", incomplete("a")],
    ["a ] ; comment", incomplete("a")],
    ["\u200b[a]", section("a")],
    ["\u200b\u00a0a=1", entry("a", "1")],
    ["a=1[B]", joined(entry("a", "1[B]"), "B", "1")],
    ["a=1 [ B c ] ; comment", joined(entry("a", "1 [ B c ]"), "B c", "1")],
    ['a="1"[B]', joined(entry("a", '"1"[B]'), "B", "1")],
    ["a=[B]", joined(entry("a", "[B]"), "B", "")],
    ["a=1 ; end[B]", joined(entry("a", "1"), "B")],
    ['a="1" ; end[B]', joined(entry("a", "1"), "B")],
    ["a[B]", joined(entry("a[B]", ""), "B")],
    ["; end[B]", joined(nothing, "B")],
    [";a=1[B] ", joined(nothing, "B")],
    ["[a][B]", joined(section("a", "[B]"), "B")],
    ["[a] ; end[B]", joined(section("a"), "B")],
    ['a="1[B]"', entry("a", "1[B]")],
    ["a='1[B]' ; comment", entry("a", "1[B]")],
    ["a=http://[::1]", entry("a", "http://[::1]")],
    ["a=http://[fd00::1]", entry("a", "http://[fd00::1]")],
    ["a=http://[::1]:80", entry("a", "http://[::1]:80")],
    ["a=b[1]", entry("a", "b[1]")],
    ["a=b[c].pem", entry("a", "b[c].pem")],
    ["a=b\\[c", entry("a", "b\\[c")],
    [";[B]", nothing],
    ["; see [B]", nothing],
    ["; ---- [B] ----", nothing],
    [";=====[B]", nothing],
    ["a=1 ; see [B]", entry("a", "1")],
  ];
  for (const [line, expected] of lines) {
    it(JSON.stringify(line), () => {
      expect(readIniLine(line)).to.deep.equal(expected);
    });
  }

  it("reads values as the ini package does", () => {
    const character = fc.constantFrom(...Array.from("ab1 =;#\\\"'[]{}.\t:/é"));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (value) => {
        const whole = parse(`[s]\nkey=${value}\n`) as { s: { key: unknown } };
        const read = readIniLine(`key=${value}`);
        const expected = whole.s.key;
        const isQuoted = /^\s*["']/.test(value);
        // A quoted value is read further: a comment may follow, and JSON is a text.
        if (!isQuoted) expect(read).to.deep.include({ name: "key", value: String(expected) });
        else if (typeof expected === "string" && !/["']/.test(expected))
          expect(read).to.deep.include({ value: expected.trim() });
      }),
      { numRuns: 500 },
    );
  });

  it("accepts any line", () => {
    const character = fc.constantFrom(...Array.from("a=;#\\\"'[].nul_pro{}: "));
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 16 }), (line) => {
        expect(readIniLine(line).kind).to.be.oneOf(["nothing", "section", "entry"]);
      }),
      { numRuns: 1000 },
    );
  });

  const pieces = [".", "[a].", '" ', "\\", "\\;", "{"];
  for (const piece of pieces) {
    it(`reads a line of 1 MB that is full of ${JSON.stringify(piece)}`, () => {
      const filler = piece.repeat((1024 * 1024) / piece.length);
      const lines = [filler, `[${filler}]`, `a=${filler}`, `a='${filler}'`, `a="${filler}" b`];
      for (const line of lines)
        expect(readIniLine(line).kind).to.be.oneOf(["nothing", "section", "entry"]);
    });
  }
});
