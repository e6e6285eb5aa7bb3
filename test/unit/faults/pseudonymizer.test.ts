import { expect } from "chai";
import fc from "fast-check";

import { isServiceAccount, Pseudonymizer } from "../../../src/faults/pseudonymizer.js";

const ORG_ID = Buffer.from(
  "ciscospark://us/ORGANIZATION/0a1b2c3d-0000-4000-8000-123456789abc",
).toString("base64");
const PERSON_ID = Buffer.from(
  "ciscospark://us/PEOPLE/0a1b2c3d-0000-4000-8000-123456789abc",
).toString("base64");
const WORDS = `Webex denied the request of an organization The worker is starting settings file cannot
  be read Presence ini level info warn message reason code orgId orgName displayName uri emails src
  ts worker personId secret address etc authorizedBy time clientSecret fields webexError ms process version at`;
const vocabulary = new Set(WORDS.split(/\s+/));

function create(options: Partial<ConstructorParameters<typeof Pseudonymizer>[0]> = {}) {
  return new Pseudonymizer({ vocabulary, ...options });
}

describe("Pseudonymizer", () => {
  for (const text of [
    "The worker is starting.",
    "2026-11-27T10:15:00.123Z info 42 ms, 1.5 s, ±10 %, 10:15:00",
    "process 12345, version 1.0.0, 10.1.2.3:8080, [::1]:3128, fe80:0:0:0:1::2",
    `orgId ${ORG_ID}`,
    "ERR_TLS_CERT_ALTNAME_INVALID UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "ROUTER_5E7F6A1B-01BB-007B-6AE5-0123456789AB webex_denied".replace("webex_denied", "denied"),
    "  at src/worker/worker.ts:155:9",
    "version 2021.Summer.3",
    "",
  ]) {
    it(`keeps ${JSON.stringify(text.slice(0, 40))}`, () => {
      expect(create().text(text)).to.equal(text);
    });
  }

  for (const [what, text, expected] of [
    [
      "a name",
      "Webex denied the request of Ada Lovelace.",
      "Webex denied the request of [text 1] [text 2].",
    ],
    ["a name in another script", "the worker 山田太郎 is", "the worker [text 1] is"],
    ["a name with a combining mark", "Zoe\u0308 denied", "[text 1] denied"],
    ["an emoji", "the 🙂 worker", "the [text 1] worker"],
    ["an address", "of ada.lovelace@math.example:", "of [address 1]"],
    ["an address with an equals sign", "of a.a=@math.example", "of [address 1]"],
    ["a SIP address", "<sip:ada@math.example;transport=tcp>", "<[address 1];[text 1]=[text 2]>"],
    ["a percent-encoded address", "of ada%40math.example", "of [address 1]"],
    ["a twice encoded address", "of ada%2540math.example", "of [address 1]"],
    ["a wide at sign", "of ada＠math.example", "of [address 1]"],
    ["a telephone number", "of tel:+44 20 7946 0018", "of [address 1]"],
    ["a long number", "of 004420794600", "of [text 1]"],
    ["a home folder", "/home/ada/x", "/home/[user]/x"],
    [
      "a home folder of Windows",
      "C:\\Users\\Ada King\\Presence.ini",
      "C:\\Users\\[user]\\Presence.ini",
    ],
    [
      "one in JSON",
      '"C:\\\\Users\\\\Ada\\\\Presence.ini"',
      '"C:\\\\Users\\\\[user]\\\\Presence.ini"',
    ],
    ["one of macOS", "/Users/ada/Presence.ini", "/Users/[user]/Presence.ini"],
    ["an id of a person", `of ${PERSON_ID}`, "of [id 1]="],
    ["a UUID", "of 0a1b2c3d-0000-4000-8000-123456789abc", "of [id 1]"],
    ["a host", "https://ada-pc.math.example/settings", "https://[host 1]/settings"],
    ["a user in a URL", "http://ada:hush@proxy:3128/", "[address 1]"],
    ["Base64", `Basic ${Buffer.from("ada:hush").toString("base64")}`, "[text 1] [text 2]="],
    ["a word that is spelled", "A-d-a-L", "[text 1]"],
    [
      "a name in JSON that is cut off",
      '{"time":"10:15:00","displayName":"The Request","emails',
      '{"time":"10:15:00","displayName":"[person 1]","emails',
    ],
    [
      "a name in a string of JSON",
      String.raw`denied {\"displayName\": \"The \\\"Request\",\"code\":\"denied\"}`,
      String.raw`denied {\"displayName\": \"[person 1]\\\"[text 1]\",\"code\":\"denied\"}`,
    ],
    [
      "keys and codes in a URL, whatever words they are",
      "settings?key=worker&user_code=123456, client_secret=request",
      "settings?[text 1]=[secret 1]&[text 2]=[secret 2] [text 3]=[secret 3]",
    ],
    ["what looks like a tracking ID", "SECRET_0123456789abcdef", "[text 1]"],
  ] as const) {
    it(`replaces ${what}`, () => {
      expect(create().text(text)).to.equal(expected);
    });
  }

  it("knows accounts of services, also by the words of the product", () => {
    for (const name of ["root", "Webex", "ucx", "node", "NT AUTHORITY\\System"])
      expect(isServiceAccount(name), name).to.equal(true);
    for (const name of ["ada", "page", "rooty"]) expect(isServiceAccount(name)).to.equal(false);
  });

  it("keeps accounts of services in paths", () => {
    expect(create().text("C:\\Users\\Public\\Presence.ini")).to.equal(
      "C:\\Users\\Public\\Presence.ini",
    );
  });

  it("replaces what is known in any case, whatever words it consists of, but as whole words", () => {
    const pseudonymizer = create({
      replaced: [
        { kind: "user", text: "worker" },
        { kind: "organization", text: "The Request" },
        // Its placeholder would tell what it is.
        { kind: "secret", text: "Denied" },
      ],
      kept: ["webexapis.com"],
    });
    expect(pseudonymizer.text("WORKER of the request; workers denied")).to.equal(
      "[user] of [organization 1]; [text 1] denied",
    );
    expect(pseudonymizer.text("https://webexapis.com/settings")).to.equal(
      "https://webexapis.com/settings",
    );
  });

  it("knows texts with characters that mean something in patterns", () => {
    const text = "a-b\\c^d$e.f*g+h?(i)[j]{k}|l/m #n&o~p";
    const pseudonymizer = create({ replaced: [{ kind: "organization", text }] });
    expect(pseudonymizer.text(`Webex ${text}, Webex`)).to.equal("Webex [organization 1], Webex");
  });

  it("gives one address one placeholder, in texts and members, however it is written", () => {
    const pseudonymizer = create();
    expect(
      pseudonymizer.value({
        uri: "sip:ADA@math.example",
        message: "<ada@math.example>, to=ada%40math.example and bob@math.example.",
        emails: ["ada@math.example"],
      }),
    ).to.deep.equal({
      uri: "[address 1]",
      message: "<[address 1]>, [address 1] [text 1] [address 2]",
      emails: ["[address 1]"],
    });
    expect([...pseudonymizer.counts]).to.deep.equal([
      ["address", 2],
      ["text", 1],
    ]);
  });

  it("replaces members that hold names or secrets as a whole, and names of members", () => {
    const record = {
      displayName: "The Request",
      authorizedBy: "Webex",
      orgName: "Webex",
      clientSecret: "request",
      personId: "worker",
      userCode: 123456,
      code: 403,
      "ada@math.example": { Lovelace: [1, true, null] },
      orgId: ORG_ID,
    };
    expect(create().value(record)).to.deep.equal({
      displayName: "[person 1]",
      authorizedBy: "[person 2]",
      orgName: "[organization 1]",
      clientSecret: "[secret 1]",
      personId: "[id 1]",
      "[text 1]": "[secret 2]",
      code: 403,
      "[address 1]": { "[text 2]": [1, true, null] },
      orgId: ORG_ID,
    });
  });

  for (const [kind, members] of [
    [
      "secret",
      [
        ...["accessToken", "refresh_token", "clientSecret", "password", "codeVerifier", "cookie"],
        ...["deviceCode", "device_code", "userCode", "authorization", "Set-Cookie"],
      ],
    ],
    [
      "person",
      [
        ...["displayName", "display_name", "firstName", "lastName", "nickName", "userName"],
        ...["familyName", "givenName", "authorizedBy"],
      ],
    ],
    [
      "address",
      ["uri", "uris", "address", "addresses", "email", "emails", "mail", "sipAddress", "URI"],
    ],
    ["organization", ["orgName", "organizationName", "org_name", "organization"]],
    ["id", ["personId", "person_id"]],
  ] as const)
    it(`replaces a member of the kind ${kind}, even if it consists of known words`, () => {
      for (const member of members) {
        // The name of the member may be replaced, too.
        const values = (value: object): unknown[] => Object.values(create().value(value) as object);
        expect(values({ [member]: "worker" }), member).to.deep.equal([`[${kind} 1]`]);
        expect(values({ [member]: ["worker"] }), member).to.deep.equal([[`[${kind} 1]`]]);
      }
    });

  it("keeps what the log has masked already, and members that hold none of these", () => {
    const record = { clientSecret: "[masked]", message: "worker", reason: "request" };
    expect(create().value(record)).to.deep.equal(record);
  });

  it("replaces a telephone number without a scheme, and numbers of more than ten digits", () => {
    expect(create().text("of +44 20 7946 0018.")).to.equal("of [address 1].");
    expect(create().text("process 12345-67890")).to.equal("process 12345-67890");
    expect(create().text("process 12345-678901")).to.equal("process [text 1]");
    expect(create().text("a-d-a")).to.equal("a-d-a");
    expect(create().text("a-d-a-m")).to.equal("[text 1]");
  });

  it("finds known texts as whole words, the longest first, and no single letters", () => {
    const replaced = (...texts: readonly string[]) =>
      create({ replaced: texts.map((text) => ({ kind: "organization", text })) });
    expect(replaced("work").text("worker of work")).to.equal("worker of [organization 1]");
    expect(replaced("settings", "settings file").text("settings file, settings")).to.equal(
      "[organization 1], [organization 2]",
    );
    expect(replaced("a").text("a worker at")).to.equal("a worker at");
  });

  it("leaves no word of any text that it does not know", () => {
    const word = fc.stringMatching(/^[\p{L}]{4,12}$/u);
    const separator = fc.constantFrom(
      " ",
      "/",
      "\\",
      ".",
      ":",
      "-",
      "=",
      "&",
      '"',
      "%20",
      "\n",
      "_",
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(word, separator), { maxLength: 12 }), (parts) => {
        const text = parts.flat().join("");
        const result = create()
          .text(text)
          .replaceAll(/\[[a-z]+( \d+)?\]/g, "");
        for (const left of result.match(/\p{L}{4,}/gu) ?? [])
          expect(vocabulary.has(left) || /^(?:home|users)$/i.test(left), left).to.equal(true);
      }),
    );
  });

  it("leaves no address of any text", () => {
    fc.assert(
      fc.property(fc.string(), fc.emailAddress(), fc.string(), (before, address, after) => {
        const [local = ""] = address.split("@");
        const result = create().text(`${before} ${address} ${after}`);
        if (local.length > 3) expect(result.toLowerCase()).not.to.include(local.toLowerCase());
      }),
    );
  });

  it("takes time that grows with the length of the text alone", () => {
    const units = [
      ".",
      "x.y",
      ":-",
      "\u{1f642}",
      "[",
      "a@",
      "+1 ",
      "/home/",
      "%40",
      "x".repeat(10),
      "=",
      "12 ",
      "\\",
      "&token=",
      '"ab":"',
    ];
    const texts = units.flatMap((unit) => [
      unit.repeat(100_000),
      `x${unit.repeat(100_000)}x@${unit.repeat(100_000)}x`,
    ]);
    for (const text of texts) {
      const start = process.cpuUsage();
      create({ replaced: [{ kind: "user", text: "aaab" }] }).text(text);
      const { user, system } = process.cpuUsage(start);
      expect((user + system) / 1_000, text.slice(0, 10)).to.be.lessThan(2_000);
    }
  });
});
