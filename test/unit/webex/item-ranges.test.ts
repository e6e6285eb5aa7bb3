import { expect } from "chai";
import fc from "fast-check";

import { faultOf } from "../../support/http-fixture.js";
import { findItemRanges } from "../../../src/webex/item-ranges.js";
import { parseListedPersons } from "../../../src/webex/people.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const response = (text: string) => ({ status: 200, headers: {}, body: bytes(text), secrets: [] });

const AMPLE = { maxItems: 1e6, maxItemBytes: 1e6, maxRestBytes: 1e6, maxDepth: 1_000 };

function split(text: string): string[] | null {
  const body = bytes(text);
  const found = findItemRanges(body, AMPLE);
  return (
    found?.ranges.map(({ start, end }) => new TextDecoder().decode(body.subarray(start, end))) ??
    null
  );
}

/** The items according to JSON.parse if all of them are objects, else null. */
function parsedItems(text: string): unknown[] | null {
  try {
    const value = JSON.parse(text) as { items?: unknown } | null;
    const items = typeof value === "object" && value !== null ? value.items : null;
    const objects =
      Array.isArray(items) &&
      items.every((i) => typeof i === "object" && i !== null && !Array.isArray(i));
    return objects ? items : null;
  } catch {
    return null;
  }
}

const pageOf = (items: string, space: string, more: string): string =>
  `{"notFoundIds":null,${space}"items"${space}:${space}[${space}${items}${space}]${more}}`;

describe("findItemRanges", () => {
  it("finds items without parsing them, whatever they and the text around them contain", () => {
    const items = ['{"a":"}]\\\\\\" ,{"}', '{ "b" : [1,{"c":[]}] }', '{"ж":"🙂 \\u0022"}', "{}"];
    expect(split(`{"notFoundIds":null,"items":[${items.join(",")}]}`)).to.deep.equal(items);
    expect(
      split(
        ` \r\n{ "x" : {"items":[1]} , "y":"\\"items\\":[" ,\t"items" :\n[ ${items.join(" ,\n")} ] , "z":[-1.5e3] }\n`,
      ),
    ).to.deep.equal(items);
    expect(split('{"items":[]}')).to.deep.equal([]);
    expect(split('{"items" : [ ] }')).to.deep.equal([]);
  });

  for (const text of [
    "",
    "{",
    "[]",
    '"items"',
    "{}",
    '{"items":{}}',
    '{"items":[1]}',
    '{"items":[{},null]}',
    '{"items":[[]]}',
    '{"items":["{}"]}',
    '{"items":[{},]}',
    '{"items":[{} {}]}',
    '{"items":[{}',
    '{"items":[{}]',
    '{"items":[{"a":"',
    '{"items":[{"a":"\\',
    '{"items":[{}]}x',
    '{"items":[{}],"items":[{}]}',
    '{"items":[{}],"it\\u0065ms":[]',
    '{"it\\u0065ms":[{}]}',
    '{"items":[{}],"a":tru}',
    '{"a":,"items":[{}]}',
    '{"a" "items":[{}]}',
    "{items:[{}]}",
  ]) {
    it(`returns null for ${text === "" ? "an empty body" : text}`, () => {
      expect(split(text)).to.equal(null);
    });
  }

  it("finds the items of any valid page, so that no page is parsed as a whole", () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue()).map((o) => JSON.stringify(o));
    fc.assert(
      fc.property(fc.array(object), fc.constantFrom("", " ", "\n"), (items, space) => {
        expect(split(pageOf(items.join(`${space},${space}`), space, ',"b":{}'))).to.deep.equal(
          items,
        );
      }),
    );
  });

  it("agrees with JSON.parse on any JSON, also with parts of it removed or added", () => {
    const plain = fc.json({ depthSize: "small" });
    const object = fc
      .dictionary(fc.oneof(fc.constantFrom("items", 'a"b', "\\"), fc.string()), fc.jsonValue())
      .map((o) => JSON.stringify(o));
    const spaced = fc.tuple(
      fc.array(object),
      fc.constantFrom("", " ", "\n"),
      fc.constantFrom("", ',"b":1', ',"items":[]'),
    );
    const page = spaced.map(([items, space, more]) =>
      pageOf(items.join(`${space},${space}`), space, more),
    );
    const cut = fc
      .tuple(page, fc.nat(), fc.nat(3), fc.constantFrom("", '"', "{", "}", "]", ",", "\\"))
      .map(([text, at, length, put]) => {
        const from = at % (text.length + 1);
        return text.slice(0, from) + put + text.slice(from + length);
      });
    fc.assert(
      fc.property(fc.oneof(plain, object, page, cut), (text) => {
        const found = split(text);
        const expected = parsedItems(text);
        if (found === null) return;
        // Items are only parsed when they are read.
        let read: unknown[] | null;
        try {
          read = found.map((item) => JSON.parse(item) as unknown);
        } catch {
          read = null;
        }
        expect(read).to.deep.equal(expected);
      }),
      { numRuns: 3_000 },
    );
  }).timeout(60_000);
});

describe("listed persons", () => {
  const listedPersons = (page: ReturnType<typeof response>) => parseListedPersons(page, "org");

  it("identify a change of a single byte by their fingerprints", () => {
    const page = (name: string) =>
      listedPersons(response(`{"items":[{"id":"1","displayName":"${name}"}]}`))[0]!;
    const numbers = new Set<number>();
    for (let i = 0; i < 20_000; i += 1) numbers.add(page(`Ann ${i}`).fingerprint);
    expect(numbers.size).to.equal(20_000);
    for (const number of numbers)
      if (!Number.isSafeInteger(number) || number < 0) expect.fail(String(number));
    expect(page("Ann").fingerprint).to.equal(page("Ann").fingerprint);
    const elsewhere = listedPersons(response(`{"items":[{}, {"id":"1","displayName":"Ann"}]}`))[1]!;
    expect(elsewhere.fingerprint).to.equal(page("Ann").fingerprint);
  });

  it("are decoded without fingerprints if their ranges cannot be found", () => {
    const items = listedPersons(response('{"items":[{"id":"1"},null,{"id":"2","type":"bot"}]}'));
    expect(items.map((item) => item.read()?.id ?? null)).to.deep.equal(["1", null, null]);
    expect(items.map((item) => item.fingerprint)).to.deep.equal([
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ]);
  });

  it("cause a webexError when read if they are not JSON", async () => {
    const [good, broken] = listedPersons(response('{"items":[{"id":"1"},{"id":tru}]}'));
    expect(good?.read()?.id).to.equal("1");
    expect((await faultOf(Promise.resolve().then(() => broken?.read()))).code).to.equal(
      "webexError",
    );
  });
});
