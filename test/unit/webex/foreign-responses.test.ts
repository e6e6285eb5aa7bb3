import { expect } from "chai";

import { Secret } from "../../../src/faults/secret.js";
import { createOAuthApi } from "../../../src/webex/oauth.js";
import { describeResponder } from "../../../src/webex/response-text.js";
import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp, type ScriptedResponse } from "../../support/http-fake.js";
import {
  LimiterFake,
  never,
  peopleOver,
  restOptions,
  TokenSourceFake,
} from "../../support/webex-harness.js";

const CLIENT = { clientId: "client", clientSecret: new Secret("client-secret") };
const REFRESH = new Secret("refresh-secret");
const PAGE = "<!DOCTYPE html><html><head><TITLE>Access\n denied</TITLE></head></html>";

/** Bodies that Webex's REST service does not send with an error. */
const FOREIGN_BODIES: Record<string, string | object> = {
  "an HTML page": PAGE,
  "an empty body": "",
  "plain text": "Blocked by policy",
  "{}": {},
  "[]": "[]",
  "a JSON string": '"message"',
  "a JSON object of another form": { error: "blocked by policy", code: 7 },
  "a message that is no text": { message: 5, trackingId: "" },
  "half a JSON text": '{"message":"cut o',
};

const BASIC_CHALLENGE = { "WWW-Authenticate": 'Basic realm="bearer portal"' };
const OWN_401 = { status: 401, body: { message: "The token is invalid.", trackingId: "T-1" } };

describe("A response that is not Webex's own", () => {
  for (const [name, body] of Object.entries(FOREIGN_BODIES)) {
    it(`is passing with ${name}, whatever its status claims`, async () => {
      for (const status of [400, 402, 403, 404, 405, 407, 410, 418, 451, 511]) {
        const fault = await faultOf(peopleOver([{ status, body }]).me(never));
        const { code, kind } = fault;
        expect([code, kind, fault.status]).to.deep.equal(["webexError", "transient", status]);
      }
    });

    it(`neither replaces the token nor is sent again after a 401 with ${name}`, async () => {
      const http = new ScriptedHttp([{ status: 401, headers: BASIC_CHALLENGE, body }]);
      const tokens = new TokenSourceFake();
      const fault = await faultOf(peopleOver(http, new LimiterFake(), tokens).me(never));
      expect([fault.code, tokens.count]).to.deep.equal(["webexError", 1]);
    });

    it(`is passing as a second 401 with ${name}, after the token was replaced`, async () => {
      const http = new ScriptedHttp([OWN_401, { status: 401, body }]);
      const fault = await faultOf(peopleOver(http).me(never));
      expect([fault.code, http.remaining]).to.deep.equal(["webexError", 0]);
    });
  }

  for (const [name, response] of Object.entries<ScriptedResponse>({
    "a message": { body: { message: "No." } },
    "a tracking ID": { body: { trackingId: "T-1" } },
    "a TrackingID header and no body": { headers: { TrackingID: "ROUTER_1-2" } },
    "a TrackingID header and a page": { headers: { TrackingID: "ROUTER_1-2" }, body: PAGE },
    "a request for a bearer token": { headers: { "WWW-Authenticate": 'Bearer realm="webex"' } },
    "several challenges": { headers: { "WWW-Authenticate": "Negotiate, Bearer" } },
  })) {
    it(`does not include a 401 with ${name}`, async () => {
      const rejection = { ...response, status: 401 };
      const http = new ScriptedHttp([rejection, rejection]);
      const tokens = new TokenSourceFake();
      const fault = await faultOf(peopleOver(http, new LimiterFake(), tokens).me(never));
      expect([fault.code, tokens.count, http.remaining]).to.deep.equal(["unauthorized", 2, 0]);
    });
  }

  for (const [status, code] of [
    [400, "refused"],
    [403, "forbidden"],
    [404, "notFound"],
    [405, "refused"],
  ] as const) {
    it(`does not include ${status} with a message or a tracking ID`, async () => {
      for (const body of [{ message: "No." }, { trackingId: "T-1" }]) {
        expect((await faultOf(peopleOver([{ status, body }]).me(never))).code).to.equal(code);
      }
    });
  }

  it("names what responded and says what to do", async () => {
    const blocked: ScriptedResponse = {
      status: 403,
      headers: { Server: "squid/5.7", Via: "1.1 fw.corp.example (squid/5.7)" },
      body: PAGE,
    };
    const fault = await faultOf(peopleOver([blocked]).me(never));
    expect(fault.message).to.equal(
      'Something other than Webex responded to a request to Webex (403, Server: squid/5.7, Via: 1.1 fw.corp.example (squid/5.7), page "Access denied").',
    );
    expect(fault.hint).to.contain("firewall or proxy");
  });

  it("is named by the target of its redirect, without what the target contains", async () => {
    const headers = { Location: "https://user:pw@portal.example:8443/login?from=token-1" };
    const oauth = createOAuthApi(restOptions([{ status: 302, headers }]));
    const fault = await faultOf(oauth.refresh(CLIENT, REFRESH, never));
    expect(fault.message).to.contain("(302, redirect to portal.example:8443, empty body)");
  });

  it("is named also if it claims success, or an error of a server", async () => {
    const headers = { Server: "Portal 2" };
    for (const response of [
      { status: 200, headers, body: PAGE },
      { status: 502, headers, body: PAGE },
    ]) {
      const fault = await faultOf(peopleOver([response]).me(never));
      expect(fault.code).to.equal("webexError");
      expect(fault.message).to.contain('Server: Portal 2, page "Access denied"');
    }
    const own = await faultOf(peopleOver([{ status: 502, body: { trackingId: "T1" } }]).me(never));
    expect([own.message, own.hint].join()).to.match(/^Webex responded with.*tracking ID to Cisco/);
    const other = await faultOf(peopleOver([{ status: 502, headers, body: PAGE }]).me(never));
    expect([other.message, other.hint].join()).to.match(/^Webex, or a gateway.*proxy or firewall/);
  });

  for (const [name, body] of Object.entries(FOREIGN_BODIES)) {
    if (typeof body === "object" && "error" in body) continue;
    it(`does not end an authorization with ${name}`, async () => {
      for (const status of [400, 401, 403, 404]) {
        for (const call of ["refresh", "revoke"] as const) {
          const oauth = createOAuthApi(restOptions([{ status, body }]));
          const fault = await faultOf(oauth[call](CLIENT, REFRESH, never));
          const { code, kind } = fault;
          expect([code, kind, fault.status]).to.deep.equal(["webexError", "transient", status]);
        }
      }
    });
  }
});

describe("describeResponder", () => {
  const describeOf = (headers: Record<string, string>, body: string | Uint8Array): string =>
    describeResponder({
      status: 403,
      headers,
      body: typeof body === "string" ? new TextEncoder().encode(body) : body,
      secrets: [new Secret("token-1")],
    });

  it("takes secrets and addresses out, in whatever encoding", () => {
    const title = "token-1 zoe@corp.example zoe&#64;corp.example zoe%2540corp.example &#x40;";
    const encoded =
      "to&#107;en-1 &#116;oken-1 zoe&amp;#64;corp.example zoe&amp;amp;commat;corp.example";
    expect(describeOf({}, `<title>${encoded}`)).to.equal(
      '403, page "[secret] [secret] [address] [address]"',
    );
    const text = describeOf({ server: "a zoe@corp.example", via: "x\u202e\ry" }, `<title>${title}`);
    expect(text).not.to.match(/token-1|zoe|corp|\u202e|\r/);
    expect(text).to.contain("Server: a [address], Via: x y");
  });

  const titles: Readonly<Record<string, readonly [page: string, title: string]>> = {
    "after a letter that is longer in lower case": ["<p>İ</p><TITLE>Denied İ</TITLE>", "Denied İ"],
    "with attributes": ['<title lang="en">Denied</title>', "Denied"],
    "after an element with a longer name": ["<titlebar>A</titlebar><title>Denied", "Denied"],
    "after one in a comment": [
      "<!-- <title>A</title> --><!-- --><title>Denied</title><!-- x",
      "Denied",
    ],
    "with character references": [
      "<title>A &amp; B &lt;C&gt; &quot;D&#34; &#x27;E&#39;&nbsp;&#x1F6AB;</title>",
      `A & B <C> "D" 'E' 🚫`,
    ],
    "with references that are none": [
      "<title>A &amp;lt; &foo; &#99999999; &#x110000; &#0; &#xd800; B</title>",
      "A &lt; &foo; &#99999999; B",
    ],
  };
  for (const [name, [page, title]] of Object.entries(titles)) {
    it(`finds a title ${name}`, () => {
      expect(describeOf({}, page)).to.equal(`403, page "${title}"`);
    });
  }

  it("decodes the page in the charset of its Content-Type", () => {
    const latin1 = Buffer.from("<title>Zugriff für Gäste</title>", "latin1");
    for (const [type, title] of [
      ["text/html; charset=windows-1252", "Zugriff für Gäste"],
      ['text/html;charset="ISO-8859-1"', "Zugriff für Gäste"],
      ["text/html", "Zugriff f r G ste"],
      ["text/html; charset=nonsense", "Zugriff f r G ste"],
    ] as const) {
      expect(describeOf({ "content-type": type }, latin1)).to.equal(`403, page "${title}"`);
    }
    const utf16 = Buffer.from("<title>Gäste</title>", "utf16le");
    expect(describeOf({ "content-type": "text/html; charset=UTF-16LE" }, utf16)).to.contain(
      '"Gäste"',
    );
  });

  it("stays short and quick, whatever the response contains", () => {
    const start = process.cpuUsage();
    for (const part of [
      "<title",
      "<title>",
      "<!--",
      "&amp;",
      "a",
      "@",
      "%25",
      "&#0",
      " ",
      "İ",
      "\u0000",
    ]) {
      const long = part.repeat(100_000);
      const text = describeOf({ server: long, via: long }, `<title>${long}${long}`);
      expect(text.length).to.be.lessThan(250);
    }
    // Processor time, because other programs may need the machine, too.
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1_000).to.be.lessThan(1_000);
  });
});
