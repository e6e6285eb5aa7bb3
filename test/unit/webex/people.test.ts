import { expect } from "chai";

import { faultOf } from "../../support/http-fixture.js";
import { ScriptedHttp } from "../../support/http-fake.js";
import { decodePerson, type PeoplePage } from "../../../src/webex/people.js";
import { API, never, peopleOver, type Replies } from "../../support/webex-harness.js";

const roleId = (name: string): string =>
  Buffer.from(`ciscospark://us/ROLE/${name}`).toString("base64").replace(/=+$/, "");

/** Recorded from the service, apart from the names. */
const ANN = {
  id: "Y2lzY29zcGFyazovL3VzL1BFT1BMRS9hbm4",
  emails: ["ann@corp.example", "a.smith@corp.example"],
  userName: "ann@corp.example",
  phoneNumbers: [{ type: "work", value: "+39 06 1234" }],
  displayName: "Ann Smith",
  orgId: "ORG",
  roles: [roleId("id_full_admin")],
  licenses: [],
  lastActivity: "2026-11-22T10:00:00.000Z",
  sipAddresses: [
    { type: "personal-room", value: "ann@corp.webex.example", primary: false },
    { type: "cloud-calling", value: "sip-ann@corp.calls.example", primary: true },
  ],
  status: "DoNotDisturb",
  invitePending: "false",
  loginEnabled: true,
  type: "person",
  somethingNew: { deep: [1] },
};

const firstPage = (replies: Replies) =>
  peopleOver(replies).listPage({ kind: "first", max: 1000 }, never);
const read = (page: PeoplePage) => page.items.map((item) => item.read());

describe("PeopleApi", () => {
  it("decodes a person", async () => {
    const page = await firstPage([{ body: { items: [ANN], notFoundIds: null } }]);
    expect(page.next).to.equal(null);
    expect(read(page)).to.deep.equal([
      {
        id: ANN.id,
        displayName: "Ann Smith",
        userName: "ann@corp.example",
        emails: ["ann@corp.example", "a.smith@corp.example"],
        sipAddresses: ["ann@corp.webex.example", "sip-ann@corp.calls.example"],
        status: "DoNotDisturb",
        lastActivity: "2026-11-22T10:00:00.000Z",
      },
    ]);
  });

  it("reads pages one after another into one buffer, and those read together into two", async () => {
    const http = new ScriptedHttp(() => ({ body: { items: [] } }));
    const people = peopleOver(http);
    const listPage = () => people.listPage({ kind: "first", max: 1000 }, never);
    await listPage();
    await Promise.all([listPage(), listPage()]);
    await listPage();
    const buffers = http.requests.map(({ buffer }) => buffer!);
    expect(buffers[1]).to.equal(buffers[0]);
    expect(buffers[2]).not.to.equal(buffers[1]);
    expect(new Set(buffers).size).to.equal(2);
  });

  it("treats members that are missing or have another type as absent", () => {
    const nothing = {
      displayName: null,
      userName: null,
      emails: [],
      sipAddresses: [],
      status: null,
      lastActivity: null,
    };
    const malformed = {
      id: "2",
      displayName: 5,
      userName: {},
      emails: "x",
      sipAddresses: {},
      status: ["a"],
      lastActivity: 0,
      type: 3,
    };
    const mixed = {
      id: "3",
      emails: ["a@b.example", null, 4],
      sipAddresses: [null, "x", { value: 5 }, { value: "s@b.example" }],
    };
    expect([{ id: "1" }, malformed, mixed].map((item) => decodePerson(item, "org"))).to.deep.equal([
      { id: "1", ...nothing },
      { id: "2", ...nothing },
      { id: "3", ...nothing, emails: ["a@b.example"], sipAddresses: ["s@b.example"] },
    ]);
  });

  for (const items of [[1], [null, "x"], [{}], [{ id: 5 }, { id: "" }], [["id"]]]) {
    it(`takes ${JSON.stringify(items)} for no list of people: nobody is gone because of it`, async () => {
      for (const body of [
        { items },
        JSON.stringify({ items }).replace('"items"', '"\\u0069tems"'),
      ]) {
        const people = peopleOver(new ScriptedHttp([{ body }, { body }]));
        for (const request of [
          () => people.listPage({ kind: "first", max: 1 }, never),
          () => people.findByEmail("a@x.example", never),
        ]) {
          const { code, message } = await faultOf(request());
          expect(code).to.equal("webexError");
          expect(message).to.include("something other than people");
        }
      }
    });
  }

  it("skips bots, guests and items without an id, but counts them as items", async () => {
    const items = [
      { id: "1", type: "bot" },
      { id: "2", type: "appuser" },
      { id: "3", type: "person" },
      { id: "4" },
      { id: 5 },
      null,
      "x",
    ];
    const page = await firstPage([{ body: { items } }]);
    expect(read(page).map((person) => person?.id ?? null)).to.deep.equal([
      null,
      null,
      "3",
      "4",
      null,
      null,
      null,
    ]);
  });

  it("preserves duplicates and an unknown status", async () => {
    const person = { id: "1", status: "" };
    const items = [person, { ...person, status: "brandNew" }];
    const page = await firstPage([{ body: { items } }]);
    expect(read(page).map((person) => person?.status)).to.deep.equal(["", "brandNew"]);
  });

  for (const body of [{}, { items: null }, { items: {} }]) {
    it(`rejects ${JSON.stringify(body)}`, async () => {
      const fault = await faultOf(firstPage([{ body }]));
      expect(fault.code).to.equal("webexError");
    });
  }

  it("follows the next link verbatim, also from an empty page", async () => {
    const next = `${API}/people?max=1000&cursor=a%2Fb%3D%3D&x=1,2`;
    const http = new ScriptedHttp([
      { body: { items: [] }, headers: { Link: `<${next}>; rel="next"` } },
      { body: { items: [ANN] } },
    ]);
    const people = peopleOver(http);
    const first = await people.listPage({ kind: "first", max: 1000 }, never);
    expect([first.items.length, first.next]).to.deep.equal([0, next]);
    const second = await people.listPage({ kind: "next", url: next }, never);
    expect([second.items.length, second.next, http.requests[1]?.url]).to.deep.equal([
      1,
      null,
      next,
    ]);
  });

  it("rejects a link to another server", async () => {
    const http = new ScriptedHttp([
      { body: { items: [ANN] }, headers: { link: '<https://evil.example/>; rel="next"' } },
    ]);
    const fault = await faultOf(firstPage(http));
    expect([fault.code, typeof fault.hint]).to.deep.equal(["webexError", "string"]);
  });

  it("requests one encoded address", async () => {
    const http = new ScriptedHttp([{ body: { items: [ANN] } }, { body: { items: [] } }]);
    const people = peopleOver(http);
    expect(await people.findByEmail("a+b&c=d@corp.example", never)).to.have.length(1);
    expect(http.requests[0]?.url).to.equal(`${API}/people?email=a%2Bb%26c%3Dd%40corp.example`);
    expect(await people.findByEmail("nobody@corp.example", never)).to.deep.equal([]);
  });

  it("leaves out persons of other organizations, whatever brought them", async () => {
    const foreign = { ...ANN, id: "F", orgId: "OTHER", status: undefined };
    const unstated = { ...ANN, id: "U", orgId: undefined };
    const items = [foreign, ANN, unstated];
    expect(read(await firstPage([{ body: { items } }])).map((each) => each?.id ?? null)).to.eql([
      null,
      ANN.id,
      "U",
    ]);
    const people = peopleOver([
      { body: { items: [foreign] } },
      { body: { items } },
      { body: foreign },
      { body: unstated },
    ]);
    expect(await people.findByEmail("ann@corp.example", never)).to.deep.equal([]);
    const found = await people.findByEmail("ann@corp.example", never);
    expect(found.map(({ id }) => id)).to.deep.equal([ANN.id, "U"]);
    expect(await people.findById("F", never)).to.equal(null);
    expect((await people.findById("U", never))?.id).to.equal("U");
  });

  it("takes an orgId that is not a string, or overlong, for another organization's", async () => {
    for (const orgId of [7, true, {}, { id: "org" }, ["org"], "", "org".repeat(10_000)]) {
      const person = { ...ANN, orgId };
      expect(read(await firstPage([{ body: { items: [person] } }]))).to.deep.equal([null]);
      const people = peopleOver([{ body: { items: [person] } }, { body: person }]);
      expect(await people.findByEmail("ann@corp.example", never)).to.deep.equal([]);
      expect(await people.findById(ANN.id, never)).to.equal(null);
    }
    expect(decodePerson({ ...ANN, orgId: null }, "org")?.id).to.equal(ANN.id);
  });

  it("keeps a deactivated person, whom Webex still lists", async () => {
    const body = { ...ANN, loginEnabled: false };
    expect(read(await firstPage([{ body: { items: [body] } }]))[0]?.id).to.equal(ANN.id);
    expect((await peopleOver([{ body }]).findById(ANN.id, never))?.id).to.equal(ANN.id);
  });

  it("requests one person by the encoded id", async () => {
    const http = new ScriptedHttp([
      { body: ANN },
      { status: 404, body: { message: "Not found.", trackingId: "T" } },
      { body: {} },
    ]);
    const people = peopleOver(http);
    expect((await people.findById("a/b=", never))?.displayName).to.equal("Ann Smith");
    expect(http.requests[0]?.url).to.equal(`${API}/people/a%2Fb%3D`);
    expect((await faultOf(people.findById("1", never))).code).to.equal("notFound");
    expect((await faultOf(people.findById("1", never))).code).to.equal("webexError");
  });

  it("decodes people/me", async () => {
    const me = await peopleOver([{ body: ANN }]).me(never);
    expect(me).to.deep.equal({
      personId: ANN.id,
      orgId: "ORG",
      displayName: "Ann Smith",
      email: "ann@corp.example",
      sharesStatus: true,
      isFullAdmin: true,
    });
  });

  it("detects that the administrator shares no status and has no role", async () => {
    const me = await peopleOver([{ body: { id: "1", orgId: "O" } }]).me(never);
    expect(me).to.include({
      sharesStatus: false,
      isFullAdmin: false,
      displayName: null,
      email: null,
    });
  });

  for (const [roles, expected] of [
    [[roleId("id_user_admin"), roleId("id_full_admin")], true],
    [[`${roleId("id_full_admin")}==`], true],
    [[roleId("id_readonly_admin")], false],
    [[roleId("not_id_full_admin")], false],
    [["%%% not base64", 5, null], false],
    ["id_full_admin", false],
  ] as const) {
    it(`finds ${expected ? "a" : "no"} Full Admin in the roles ${JSON.stringify(roles)}`, async () => {
      const me = await peopleOver([{ body: { id: "1", orgId: "O", roles } }]).me(never);
      expect(me.isFullAdmin).to.equal(expected);
    });
  }

  for (const body of [{ orgId: "O" }, { id: "1" }, { id: "1", orgId: "" }, { id: 1, orgId: "O" }]) {
    it(`rejects ${JSON.stringify(body)} as people/me`, async () => {
      expect((await faultOf(peopleOver([{ body }]).me(never))).code).to.equal("webexError");
    });
  }
});

describe("Limits of what is read of the list of people", () => {
  const nothingLeftOut = { items: 0, values: 0 };

  it("keep 100 addresses of a person, and none that is too long", async () => {
    const addresses = Array.from({ length: 5_000 }, (_, i) => `a${i}@corp.example`);
    const long = "x".repeat(2_000);
    const items = [
      {
        ...{ id: "1", emails: [long, ...addresses], userName: long, displayName: long },
        sipAddresses: addresses.map((value) => ({ value })),
        status: long,
      },
      { id: "2", emails: addresses.slice(0, 100) },
      { id: long },
    ];
    const page = await firstPage([{ body: { items } }]);
    const [first, second, third] = read(page);
    expect(first?.emails).to.deep.equal(addresses.slice(0, 100));
    expect(first?.sipAddresses).to.have.length(100);
    expect(first?.userName).to.equal(null);
    expect([first?.displayName?.length, first?.status?.length]).to.deep.equal([1_024, 1_024]);
    expect(second?.emails).to.have.length(100);
    expect(third).to.equal(null);
    expect(page.leftOut).to.deep.equal({ items: 1, values: 4_901 + 4_900 + 3 });
  });

  it("keep 10,000 items of a page, whatever the items are", async () => {
    for (const [item, count] of [
      ["{}", 5_000_000],
      ["null", 500_000],
      ["[]", 500_000],
    ] as const) {
      const rest = `${`${item},`.repeat(count - 1)}${item}]}`;
      const body = `{"items":[{"id":"1"},${rest}`;
      const start = performance.now();
      expect((await faultOf(firstPage([{ body: `{"items":[${rest}` }]))).code).to.equal(
        "webexError",
      );
      const page = await firstPage([{ body }]);
      expect(read(page)).to.have.length(10_000);
      expect(page.leftOut).to.deep.equal({ items: count + 1 - 10_000, values: 0 });
      expect(performance.now() - start).to.be.lessThan(2_000);
    }
  });

  it("leave out an item over 1 MiB, but not the others", async () => {
    const huge = `{"id":"1","x":"${"x".repeat(1024 * 1024)}"}`;
    const page = await firstPage([{ body: `{"items":[${huge},{"id":"2"}]}` }]);
    expect(read(page).map((person) => person?.id)).to.deep.equal(["2"]);
    expect(page.leftOut).to.deep.equal({ ...nothingLeftOut, items: 1 });
  });

  it("leave out an item of more than 64 levels, but not the others", async () => {
    const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    const itemOf = (id: number, levels: number) => `{"id":"${id}","x":${nested(levels - 1)}}`;
    const items = [itemOf(1, 65), itemOf(2, 64), itemOf(3, 100_000), itemOf(4, 2)];
    for (const [before, after] of [
      ["", ""],
      [`"a":${nested(64)},`, `,"b":${nested(64)}`],
    ] as const) {
      const page = await firstPage([{ body: `{${before}"items":[${items.join()}]${after}}` }]);
      expect(read(page).map((person) => person?.id)).to.deep.equal(["2", "4"]);
      expect(page.leftOut).to.deep.equal({ ...nothingLeftOut, items: 2 });
    }
  });

  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const unreadable: Record<string, string> = {
    "a deeply nested member before the items": `{"x":${deep},"items":[{"id":"1"}]}`,
    "a deeply nested member after the items": `{"items":[{"id":"1"}],"x":${deep}}`,
    "an item that is nested without end": `{"items":[{"id":"1"},{"x":${"[".repeat(100_000)}`,
    "megabytes beside the items": `{"x":[${"{},".repeat(2_000_000)}{}],"items":[]}`,
    "megabytes of items that are no objects": `{"items":[${"null,".repeat(2_000_000)}null]}`,
  };
  for (const [name, body] of Object.entries(unreadable)) {
    it(`make ${name} a fault within a moment`, async () => {
      const start = performance.now();
      const fault = await faultOf(
        peopleOver([{ body }]).listPage({ kind: "first", max: 1 }, never),
      );
      expect(fault.code).to.equal("webexError");
      expect(performance.now() - start).to.be.lessThan(1_000);
    });
  }

  it("make other responses a fault if they are deeply nested", async () => {
    const fault = await faultOf(peopleOver([{ body: `{"id":"1","x":${deep}}` }]).me(never));
    expect(fault.message).to.contain("nested too deeply");
  });
});
