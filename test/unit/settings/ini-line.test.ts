import { expect } from "chai";
import fc from "fast-check";
import { parse } from "ini";

import { readIniLine } from "../../../src/platform/ini-line.js";

const entry = (name: string, value: string) => ({ kind: "entry", name, value });
const section = (name: string) => ({ kind: "section", name });
const nothing = { kind: "nothing" };

describe("readIniLine", () => {
  const lines: [string, object][] = [
    ["", nothing],
    ["   \t", nothing],
    ["; comment", nothing],
    ["  # comment=1", nothing],
    ["=1", nothing],
    ["a=1", entry("a", "1")],
    ["  a  =  1  ", entry("a", "1")],
    ["a=", entry("a", "")],
    ["a", entry("a", "")],
    ["a ; comment", entry("a", "")],
    ["a=b=c", entry("a", "b=c")],
    ["a=1 ; comment", entry("a", "1")],
    ["a=1#comment", entry("a", "1")],
    ["a=1\\;2\\#3", entry("a", "1;2#3")],
    ['a="1;2#3"', entry("a", "1;2#3")],
    ["a='1;2'", entry("a", "1;2")],
    ['a=" x "', entry("a", " x ")],
    ['a="C:\\certs\\ca.pem"', entry("a", '"C:\\certs\\ca.pem"')],
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
    ["__proto__=1", nothing],
    ["constructor=1", entry("constructor", "1")],
    ["toString", entry("toString", "")],
    ["'null'=1", nothing],
    ["[a]", section("a")],
    ["[ a ]  ", section("a")],
    ["[a.b.c]", section("a.b.c")],
    ["[]", section("")],
    ["[__proto__]", section("__proto__")],
    ["[a.__proto__]", section("a.__proto__")],
    ['["a"]', section("a")],
    ["[a] ; comment", entry("[a]", "")],
    [" [a]", entry("[a]", "")],
    ["[a", entry("[a", "")],
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
        expect(read).to.deep.equal(
          entry("key", typeof expected === "string" ? expected : JSON.stringify(expected)),
        );
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
});
