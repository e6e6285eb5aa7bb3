import { expect } from "chai";
import fc from "fast-check";

import { Fault } from "../../../src/faults/fault.js";
import { nextLink } from "../../../src/webex/rest.js";

const REQUEST_URL = "https://webexapis.com/v1/people?max=1000";
const NEXT = "https://webexapis.com/v1/people?max=1000&cursor=b3BhcXVl";

describe("nextLink", () => {
  const found: [string, string][] = [
    [`<${NEXT}>; rel="next"`, "the usual form"],
    [`<${NEXT}>; rel=next`, "no quotes"],
    [`<${NEXT}>;rel=next`, "no spaces"],
    [`<${NEXT}>  ;  REL = "Next"`, "any case and spaces"],
    [
      `<${NEXT}>; title="a, \\"b\\"; rel=prev"; rel="next"`,
      "other parameters before it, which contain commas, quotes and semicolons",
    ],
    [`<${NEXT}>; rel="next"; title=more`, "other parameters after it"],
    [`<${NEXT}>; flag; rel="next"`, "a parameter without a value"],
    [`<${NEXT}>; rel="last next"`, "several relations"],
    [
      `<https://webexapis.com/v1/people?a=1,2>; rel="first", <${NEXT}>; rel="next"`,
      "several links, a comma inside <>",
    ],
    [
      `<${NEXT}>; rel="next", <https://webexapis.com/v1/people?x>; rel="last"`,
      "the next link first",
    ],
    [
      `<http://elsewhere.example/>; rel="help",<${NEXT}>;rel="next"`,
      "a link of another relation to another origin before it",
    ],
    [`garbage, <${NEXT}>; rel="next"`, "garbage before it"],
    [`</v1/people?max=1000&cursor=b3BhcXVl>; rel="next"`, "a relative address"],
    [`<?max=1000&cursor=b3BhcXVl>; rel="next"`, "a query alone"],
    [
      `<${NEXT.replace("https://webexapis.com", "HTTPS://WebexAPIs.com:443")}>; rel="next"`,
      "the same origin in another spelling",
    ],
  ];
  for (const [header, what] of found)
    it(`reads ${what}`, () => expect(nextLink(header, REQUEST_URL, [])).to.equal(NEXT));

  const none: [string | undefined, string][] = [
    [undefined, "no header"],
    ["", "an empty header"],
    [`<${NEXT}>; rel="prev"`, "another relation"],
    [`<${NEXT}>; rel="prev"; rel="next"`, "a second rel: the first one applies"],
    [`<${NEXT}>; rel="nextish"`, "a relation with the same prefix"],
    [`<${NEXT}>`, "no relation"],
    [`<${NEXT}`, "an unterminated address"],
    [`rel="next"`, "no address"],
  ];
  for (const [header, what] of none)
    it(`returns null for ${what}`, () => expect(nextLink(header, REQUEST_URL, [])).to.equal(null));

  const foreign = [
    "https://evil.example/v1/people?cursor=1",
    "http://webexapis.com/v1/people?cursor=1",
    "https://webexapis.com:8443/v1/people?cursor=1",
    "https://webexapis.com.evil.example/v1/people",
    "https://webexapis.com@evil.example/v1/people",
    "https://user:pw@webexapis.com/v1/people",
    "https://user@webexapis.com/v1/people",
    "//evil.example/v1/people",
    "javascript:alert(1)",
    "http://[bad",
  ];
  for (const target of foreign) {
    it(`rejects ${target}`, () => {
      const follow = (): string | null => nextLink(`<${target}>; rel="next"`, REQUEST_URL, []);
      expect(follow).to.throw(Fault).with.property("code", "webexError");
    });
  }

  it("parses any header quickly and without throwing", () => {
    fc.assert(fc.property(fc.string(), (header) => nextLink(header, REQUEST_URL, []) === null));
    const start = performance.now();
    for (const part of ["<a>;", '; x="', "<>", "; ", " ", '<a>; rel="\\'])
      nextLink(part.repeat(16_384 / part.length), REQUEST_URL, []);
    expect(performance.now() - start).to.be.lessThan(2_000);
  });

  it("rejects a header over 16 KB and a link over 4 KB, which no sweep could keep", () => {
    const path = "https://webexapis.com/v1/people?cursor=";
    const linkTo = (length: number): string =>
      `<${path}${"c".repeat(length - path.length)}>; rel="next"`;
    expect(nextLink(linkTo(4_096), REQUEST_URL, [])).to.have.length(4_096);
    for (const header of [linkTo(4_097), "<a>;".repeat(5_000)]) {
      expect(() => nextLink(header, REQUEST_URL, []))
        .to.throw(Fault)
        .with.property("code", "webexError");
    }
  });
});
