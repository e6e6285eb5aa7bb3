import { expect } from "chai";
import { WebexSimulator } from "../../simulator/webex-simulator.js";

interface Person {
  id: string;
  emails: string[];
  type: string;
  roles: string[];
  status?: string;
  lastActivity?: string;
  loginEnabled: boolean | string;
}
interface Page {
  items: Person[];
  notFoundIds: string[] | null;
}

function roleId(name: string): string {
  return Buffer.from(`ciscospark://us/ROLE/${name}`).toString("base64").replaceAll("=", "");
}

describe("simulator: people and organizations", () => {
  let webex: WebexSimulator;
  let token: string;

  beforeEach(async () => {
    webex = new WebexSimulator({
      organizations: [
        { name: "Acme", persons: 250, seed: 7 },
        { name: "Globex", persons: 5, seed: 8 },
      ],
      speed: 0,
    });
    await webex.start();
    token = webex.issueGrant().accessToken;
  });
  afterEach(() => webex.stop());

  const get = (path: string, bearer = token): Promise<Response> =>
    fetch(path.startsWith("http") ? path : `${webex.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${bearer}` },
      redirect: "manual",
    });
  const read = async (path: string, bearer = token): Promise<Page> =>
    (await get(path, bearer)).json() as Promise<Page>;
  const nextLink = (response: Response): string | null =>
    /<([^>]+)>; *(?:title="[^"]*"; *)?rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1] ??
    null;
  async function sweep(max: number): Promise<Person[]> {
    const people: Person[] = [];
    for (let url: string | null = `${webex.apiUrl}/people?max=${max}`; url !== null;) {
      const response = await get(url);
      people.push(...((await response.json()) as Page).items);
      url = nextLink(response);
    }
    return people;
  }

  it("pages through everybody, including bots, with opaque links on the requested origin", async () => {
    const first = await get("/people");
    expect(((await first.json()) as Page).items).to.have.length(100);
    const next = new URL(nextLink(first)!);
    expect(next.origin).to.equal(webex.url);
    expect(next.searchParams.get("max")).to.equal("100");
    expect(next.searchParams.get("cursor")).to.match(/^[\w-]+$/);
    const people = await sweep(60);
    expect(new Set(people.map((person) => person.id)).size).to.equal(253);
    expect(people.filter((person) => person.type !== "person")).to.have.length(3);
    webex.set({ botsInList: false });
    expect(await sweep(1000)).to.have.length(250);
  });

  it("silently reduces max, further with callingData and locationId, and rejects invalid values", async () => {
    webex.set({ maxPageSize: 120 });
    expect((await read("/people?max=5000")).items).to.have.length(120);
    expect((await read("/people?max=1000&callingData=true")).items).to.have.length(100);
    const { id } = webex.organizations[0]!.locations[0]!;
    expect((await read(`/people?max=1000&locationId=${id}`)).items).to.have.length(50);
    expect((await get("/people?max=0")).status).to.equal(400);
    expect((await get("/people?cursor=nonsense")).status).to.equal(400);
  });

  it("rejects a link that was used too often", async () => {
    webex.set({ linkUses: 1 });
    const links = [nextLink(await get("/people"))!, nextLink(await get("/people"))!];
    const statuses: number[] = [];
    for (const link of [...links, ...links]) statuses.push((await get(link)).status);
    expect(statuses).to.deep.equal([200, 200, 400, 400]);
    webex.set({ linkUses: 0 });
    expect((await get(links[0]!)).status).to.equal(200);
  });

  it("writes the Link header in each form", async () => {
    for (const linkForm of ["quoted", "unquoted", "several"] as const) {
      webex.set({ linkForm });
      const response = await get("/people");
      expect((await get(nextLink(response)!)).status, linkForm).to.equal(200);
    }
    expect((await get("/people")).headers.get("link")).to.match(/rel="first".*rel="next"/);
  });

  it("moves persons between pages, so that a sweep misses some and returns others twice", async () => {
    webex.set({ movePersons: 2 });
    const ids = (await sweep(50)).map((person) => person.id);
    expect(new Set(ids).size).to.be.below(253);
    expect(ids.length).to.be.above(new Set(ids).size);
    webex.set({ movePersons: 0 });
    expect(new Set((await sweep(50)).map((person) => person.id)).size).to.equal(253);
  });

  it("includes presence by email and by path, but not by id list or with excludeStatus", async () => {
    const [person] = webex.people();
    webex.setStatus(person!.emails[0]!, "call");
    const byEmail = (
      await read(`/people?email=${encodeURIComponent(person!.emails[0]!.toUpperCase())}`)
    ).items;
    expect(byEmail[0]).to.include({ id: person!.id, status: "call" });
    expect(await (await get(`/people/${person!.id}`)).json()).to.include({ status: "call" });
    const byId = await read(`/people?id=${person!.id},bm9ib2R5`);
    expect(byId.items[0]).not.to.have.any.keys("status", "lastActivity");
    expect(byId.notFoundIds).to.deep.equal(["bm9ib2R5"]);
    expect((await read("/people?excludeStatus=true&max=5")).items[0]).not.to.have.property(
      "status",
    );
    expect((await get(`/people?id=${new Array(86).fill("x").join(",")}`)).status).to.equal(400);
  });

  it("lets a partner's administrator find persons of other organizations by email, without status", async () => {
    const [foreign] = webex.people(1);
    const [own] = webex.people(0);
    const path = (email = ""): string => `/people?email=${encodeURIComponent(email)}`;
    const foreignPath = path(foreign!.emails[0]);
    expect((await read(foreignPath)).items).to.deep.equal([]);
    const partner = webex.issueGrant({ role: "partnerAdmin" }).accessToken;
    const [found] = (await read(foreignPath, partner)).items;
    expect(found).to.include({ id: foreign!.id, orgId: webex.organizations[1]!.id });
    expect(found).not.to.have.any.keys("status", "lastActivity");
    expect((await read(path(own!.emails[0]), partner)).items[0]).to.have.property("status");
    const ownOnly = `${foreignPath}&orgId=${webex.organizations[0]!.id}`;
    expect((await read(ownOnly, partner)).items).to.deep.equal([]);
    const there = `${foreignPath}&orgId=${webex.organizations[1]!.id}`;
    expect((await read(there, partner)).items[0]).to.have.property("status");
  });

  it("returns no items for an unknown email, and 404 for an unknown id", async () => {
    expect(await read("/people?email=nobody@acme.example")).to.deep.equal({
      items: [],
      notFoundIds: null,
    });
    const response = await get("/people/bm9ib2R5");
    expect(response.status).to.equal(404);
    expect(await response.json()).to.have.all.keys("message", "errors", "trackingId");
  });

  it("finds people by a prefix of the display name", async () => {
    const [person] = webex.people();
    const found = (
      await read(`/people?displayName=${encodeURIComponent(person!.displayName.slice(0, 5))}`)
    ).items;
    expect(found.map((person) => person.id)).to.include(person!.id);
  });

  it("filters by roles, with orgId and excludeStatus, and finds nobody for an unknown role", async () => {
    const everybody = await sweep(1000);
    const [fullAdmin, otherAdmin] = [roleId("id_full_admin"), roleId("id_device_admin")];
    const having = (role: string): string[] =>
      everybody.filter(({ roles }) => roles.includes(role)).map(({ id }) => id);
    expect(having(fullAdmin)).to.deep.equal([webex.organizations[0]!.administrator.id]);
    expect(having(otherAdmin)).not.to.be.empty;
    const found = (await read(`/people?roles=${fullAdmin},${otherAdmin}`)).items;
    expect(found.map(({ id }) => id)).to.have.members([
      ...having(fullAdmin),
      ...having(otherAdmin),
    ]);
    const partner = webex.issueGrant({ role: "partnerAdmin" }).accessToken;
    const { id: orgId, administrator } = webex.organizations[1]!;
    const path = `/people?roles=${fullAdmin}&orgId=${orgId}&excludeStatus=true`;
    const [only, ...others] = (await read(path, partner)).items;
    expect(only).to.include({ id: administrator.id }).and.not.to.have.property("status");
    expect(others).to.deep.equal([]);
    expect((await read(`/people?roles=${roleId("nobody")}`)).items).to.deep.equal([]);
    const user = webex.issueGrant({ role: "user" }).accessToken;
    expect((await get(`/people?roles=${fullAdmin}`, user)).status).to.equal(400);
  });

  it("filters by location in pages of at most 50, and shows the location with callingData", async () => {
    const everybody = (await read("/people?max=1000&callingData=true")).items;
    expect(everybody).to.have.length(100);
    const [location] = webex.organizations[0]!.locations;
    const ids = webex
      .people()
      .filter(({ locationId }) => locationId === location!.id)
      .map(({ id }) => id);
    expect(ids.length).to.be.above(50);
    const found: Person[] = [];
    let url: string | null = `/people?max=1000&locationId=${location!.id}&callingData=true`;
    while (url !== null) {
      const response: Response = await get(url);
      const { items } = (await response.json()) as Page;
      expect(items.length).to.be.at.most(50);
      found.push(...items);
      url = nextLink(response);
    }
    expect(found.map(({ id }) => id)).to.deep.equal(ids);
    expect(found[0]).to.include({ locationId: location!.id });
    expect((await read(`/people?locationId=${location!.id}`)).items[0]).not.to.have.property(
      "locationId",
    );
    expect((await read("/people?locationId=bm9ib2R5")).items).to.deep.equal([]);
  });

  it("includes licenses and roles for administrators, but not in the list by id", async () => {
    const [administrator, person] = webex.people();
    const byId = await read(`/people?id=${administrator!.id}`);
    expect(byId.items[0]).not.to.have.any.keys("licenses", "roles", "invitePending");
    expect(byId.notFoundIds).to.deep.equal([]);
    const full = await (await get(`/people/${administrator!.id}`)).json();
    expect(full).to.include.keys("licenses", "roles").and.to.deep.include(byId.items[0]);
    const user = webex.issueGrant({ role: "user" }).accessToken;
    const byEmail = await read(`/people?email=${person!.emails[0]!}`, user);
    expect(byEmail.items[0]).not.to.have.any.keys("licenses", "roles", "invitePending");
  });

  it("has people without a nickname or a time zone", async () => {
    const people = (await sweep(1000)).filter(({ type }) => type === "person");
    for (const name of ["nickName", "timezone"]) {
      const having = people.filter((person) => Object.hasOwn(person, name)).length;
      expect(having, name).to.be.within(150, 245);
    }
  });

  it("rejects the list for users who are no administrators, but not a lookup by email", async () => {
    const user = webex.issueGrant({ role: "user" }).accessToken;
    const response = await get("/people", user);
    expect(response.status).to.equal(400);
    const body = (await response.json()) as Record<string, unknown>;
    expect(body).to.have.all.keys("message", "trackingId");
    expect(body.message).to.equal("Email, displayName, or id list should be specified.");
    expect((await get(`/people?email=${webex.people()[3]!.emails[0]!}`, user)).status).to.equal(
      200,
    );
    webex.set({ roleLost: true });
    expect((await get("/people")).status).to.equal(400);
    expect(((await (await get("/people/me")).json()) as Person).roles).to.deep.equal([]);
  });

  it("returns the owner of the token as me", async () => {
    const me = (await (await get("/people/me")).json()) as Person;
    expect(me.id).to.equal(webex.organizations[0]!.administrator.id);
    expect(Buffer.from(me.roles[0]!, "base64").toString()).to.equal(
      "ciscospark://us/ROLE/id_full_admin",
    );
    const other = webex.issueGrant({ orgIndex: 1, role: "user" }).accessToken;
    expect(await (await get("/people/me", other)).json()).to.include({
      id: webex.organizations[1]!.regularUser.id,
    });
  });

  it("separates organizations, except for a partner", async () => {
    const [acme, globex] = webex.organizations;
    expect((await get(`/people/${globex!.people[0]!.id}`)).status).to.equal(404);
    expect((await get(`/people?orgId=${globex!.id}`)).status).to.equal(403);
    expect(await (await get("/organizations")).json()).to.deep.equal({
      items: [{ id: acme!.id, displayName: "Acme", created: acme!.created }],
    });
    expect(acme!.created).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
    expect((await get(`/organizations/${globex!.id}`)).status).to.equal(404);
    const partner = webex.issueGrant({ role: "partnerAdmin" }).accessToken;
    expect(await read("/organizations", partner))
      .to.have.property("items")
      .with.length(2);
    expect((await read(`/people?orgId=${globex!.id}`, partner)).items).to.have.length(6);
    expect(await (await get(`/people/${globex!.people[0]!.id}`, partner)).json()).to.include({
      orgId: globex!.id,
    });
  });

  it("enforces scopes with 403 and tokens with 401", async () => {
    const limitedToken = webex.issueGrant({
      scopes: ["spark-admin:organizations_read"],
    }).accessToken;
    expect((await get("/people", limitedToken)).status).to.equal(403);
    expect((await get("/organizations", limitedToken)).status).to.equal(200);
    expect(
      (
        await get(
          "/organizations",
          webex.issueGrant({ scopes: ["spark-admin:people_read"] }).accessToken,
        )
      ).status,
    ).to.equal(403);
    for (const scope of ["spark:all", "spark:people_read"]) {
      const ownToken = webex.issueGrant({ scopes: [scope] }).accessToken;
      const { emails, id } = webex.people()[3]!;
      expect((await get("/people/me", ownToken)).status).to.equal(200);
      expect((await get(`/people/${id}`, ownToken)).status).to.equal(200);
      expect((await read(`/people?email=${emails[0]!}`, ownToken)).items).to.have.length(1);
      expect((await get("/people", ownToken)).status).to.equal(400);
      expect((await get("/organizations", ownToken)).status).to.equal(403);
    }
    webex.set({ scopeMissing: true });
    expect((await get("/people")).status).to.equal(403);
    expect((await get("/people", "nonsense")).status).to.equal(401);
    expect((await fetch(`${webex.apiUrl}/people`)).status).to.equal(401);
    webex.expireAccessTokens();
    expect((await get("/organizations")).status).to.equal(401);
  });

  it("omits everybody's presence, including the administrator's, if sharing is off", async () => {
    webex.set({ sharingOff: true });
    const people = await sweep(1000);
    expect(people.some((person) => "status" in person || "lastActivity" in person)).to.equal(false);
    expect(await (await get("/people/me")).json()).not.to.have.property("status");
  });

  it("sends undocumented statuses, booleans as strings, and no status if there is none", async () => {
    webex.set({ strangeStatus: "hologram", booleansAsStrings: true });
    const people = await sweep(1000);
    expect(people.filter((person) => person.status === "hologram")).to.have.length(25);
    expect(people[0]!.loginEnabled).to.equal("true");
    const [person] = webex.people();
    webex.setStatus(person!.id, null);
    expect(await (await get(`/people/${person!.id}`)).json()).not.to.have.property("status");
  });

  it("has people without lastActivity, who are pending or unknown", async () => {
    const withoutActivity = (await sweep(1000)).filter(
      (person) => person.type === "person" && person.lastActivity === undefined,
    );
    expect(new Set(withoutActivity.map((person) => person.status))).to.deep.equal(
      new Set(["pending", "unknown"]),
    );
  });

  it("changes presence with the speed, except if a status is set", async () => {
    const statuses = async (): Promise<Map<string, string | undefined>> =>
      new Map((await sweep(1000)).map((person) => [person.id, person.status]));
    const [pinned] = webex.people();
    // Not one that the simulated day has.
    webex.setStatus(pinned!.id, "hologram");
    const before = await statuses();
    expect(await statuses()).to.deep.equal(before);
    webex.set({ speed: 1_000_000 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    webex.set({ speed: 0 });
    const after = await statuses();
    expect([...after].filter(([id, status]) => before.get(id) !== status).length).to.be.above(60);
    expect(after.get(pinned!.id)).to.equal("hologram");
    webex.release(pinned!.id);
    expect((await statuses()).get(pinned!.id)).not.to.equal("hologram");
  });

  it("adds and removes people", async () => {
    webex.addPerson(0, {
      email: "New.Comer@acme.example",
      displayName: "New Comer",
      status: "active",
    });
    expect((await read("/people?email=new.comer@acme.example")).items[0]).to.include({
      status: "active",
    });
    webex.removePerson("new.comer@acme.example");
    expect((await read("/people?email=new.comer@acme.example")).items).to.deep.equal([]);
  });

  it("serves 50,000 persons within seconds of processor time", async function () {
    this.timeout(40_000);
    const large = new WebexSimulator({ organizations: [{ name: "Large", persons: 50_000 }] });
    const { apiUrl } = await large.start();
    large.set({ compression: "none" });
    try {
      const authorization = `Bearer ${large.issueGrant().accessToken}`;
      const time = async (): Promise<number> => {
        const start = process.cpuUsage();
        let url: string | null = `${apiUrl}/people?max=1000`;
        let persons = 0;
        while (url !== null) {
          const response: Response = await fetch(url, { headers: { authorization } });
          persons += (await response.text()).split('"invitePending"').length - 1;
          url = nextLink(response);
        }
        expect(persons).to.equal(50_500);
        const { user, system } = process.cpuUsage(start);
        return (user + system) / 1000;
      };
      await time();
      expect(await time()).to.be.below(5000);
    } finally {
      await large.stop();
    }
  });
});
