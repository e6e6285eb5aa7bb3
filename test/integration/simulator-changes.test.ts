import { expect } from "chai";
import { WebexSimulator } from "../../simulator/webex-simulator.js";

interface Person {
  id: string;
  emails: string[];
  userName?: string;
  orgId: string;
  sipAddresses: { value: string }[];
}

describe("simulator: people who are added, deleted, renamed and moved", () => {
  let webex: WebexSimulator;
  let token: string;
  let otherToken: string;
  let id: string;
  let email: string;

  beforeEach(async () => {
    webex = new WebexSimulator({
      organizations: [
        { name: "Acme", persons: 12, bots: 0, seed: 7 },
        { name: "Globex", persons: 5, bots: 0, seed: 8 },
      ],
      speed: 0,
    });
    await webex.start();
    token = webex.issueGrant().accessToken;
    otherToken = webex.issueGrant({ orgIndex: 1 }).accessToken;
    const person = webex.people()[4]!;
    id = person.id;
    email = person.emails[0]!;
  });
  afterEach(() => webex.stop());

  it("holds back a response with the presence of its arrival, until it is released", async () => {
    webex.setStatus(email, "active");
    const hold = webex.holdNext(({ query }) => query.email === email);
    const read = async (): Promise<string | undefined> => {
      const response = await fetch(`${webex.apiUrl}/people?email=${encodeURIComponent(email)}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const { items } = (await response.json()) as { items: { status?: string }[] };
      return items[0]?.status;
    };
    const first = read();
    expect(await hold.held).to.include({ path: "/v1/people", status: null, completedAt: null });
    webex.setStatus(email, "call");
    expect(await read()).to.equal("call");
    hold.release();
    expect(await first).to.equal("active");
    const [held, other] = webex.requestsSince(0);
    expect(held?.completedAt).to.be.at.least(other?.completedAt ?? Infinity);
    expect([held?.status, other?.status]).to.deep.equal([200, 200]);
  });

  it("rejects if no request to hold arrives in time, and lets a released one pass", async () => {
    const hold = webex.holdNext(() => true, 20);
    const error = await hold.held.catch((failure: unknown) => failure);
    expect(error).to.have.property("message", "No request to hold within 20 ms.");
    hold.release();
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${webex.apiUrl}/people/me`, { headers })).status).to.equal(200);
  });

  const control = async (
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${webex.url}/simulator/people${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const get = (path: string, bearer = token): Promise<Response> =>
    fetch(`${webex.apiUrl}${path}`, { headers: { authorization: `Bearer ${bearer}` } });
  const list = async (path: string, bearer = token): Promise<Person[]> =>
    ((await (await get(path, bearer)).json()) as { items: Person[] }).items;
  const readPerson = async (bearer = token): Promise<Person> =>
    (await (await get(`/people/${id}`, bearer)).json()) as Person;

  it("deletes a person: no page, lookup or path finds them", async () => {
    expect(await control("DELETE", `/${encodeURIComponent(email)}`)).to.deep.equal({
      status: 200,
      body: {},
    });
    expect((await list("/people")).map((person) => person.id)).not.to.include(id);
    expect(await list(`/people?email=${encodeURIComponent(email)}`)).to.deep.equal([]);
    expect((await get(`/people/${id}`)).status).to.equal(404);
    expect((await control("DELETE", `/${id}`)).status).to.equal(404);
  });

  it("changes addresses: the old one finds nobody; id and SIP addresses stay", async () => {
    const before = await readPerson();
    const emails = ["new.name@acme.example", "alias@acme.example"];
    const changed = await control("POST", `/${id}`, { emails });
    expect(changed.body).to.deep.include({ id, emails });
    expect(await list(`/people?email=${encodeURIComponent(email)}`)).to.deep.equal([]);
    const [found] = await list("/people?email=Alias@acme.example");
    expect(found).to.deep.include({ id, emails, sipAddresses: before.sipAddresses });
    expect((await list("/people")).find((person) => person.id === id)).to.deep.include({ emails });
    expect(found!.userName).to.be.oneOf([undefined, "new.name@acme.example"]);
    const taken = webex.people()[5]!.emails[0]!.toUpperCase();
    expect((await control("POST", `/${id}`, { emails: [taken] })).status).to.equal(400);
    expect((await control("POST", `/${id}`, { emails: [] })).status).to.equal(400);
    expect((await list("/people?email=alias@acme.example"))[0]).to.include({ id });
  });

  it("moves a person with their id and addresses to another organization", async () => {
    const moved = await control("POST", `/${id}`, { organization: 1 });
    expect(moved.body).to.include({ id, organization: 1 });
    expect((await get(`/people/${id}`)).status).to.equal(404);
    expect(await list(`/people?email=${encodeURIComponent(email)}`)).to.deep.equal([]);
    expect(await list("/people")).to.have.length(11);
    const { id: orgId } = webex.organizations[1]!;
    expect(await readPerson(otherToken)).to.include({ orgId });
    expect((await list("/people", otherToken)).at(-1)).to.include({ id, orgId });
    expect((await list(`/people?email=${email}`, otherToken))[0]).to.include({ id, orgId });
    expect((await control("POST", `/${id}`, { organization: 9 })).status).to.equal(400);
    expect((await control("POST", `/${id}`, { organization: 0 })).body).to.include({
      organization: 0,
    });
  });

  it("adds a person, and changes several things in one call", async () => {
    const added = await control("POST", "", {
      organization: 1,
      email: "new.comer@globex.example",
      status: "active",
    });
    expect(added.body).to.include({ organization: 1, status: "active" });
    const key = String(added.body.id);
    const changed = await control("POST", `/${key}`, { emails: ["n@x.example"], status: "call" });
    expect(changed.body).to.deep.include({ emails: ["n@x.example"], status: "call" });
    expect((await control("POST", "", { email: "N@X.example", organization: 1 })).status).to.equal(
      400,
    );
    expect((await control("POST", `/${key}`, { walk: "yes" })).status).to.equal(400);
  });

  it("offers the same in process", async () => {
    webex.changeEmails(email, ["other@acme.example"]);
    webex.movePerson("other@acme.example", 1);
    expect(webex.person("other@acme.example", 0)).to.equal(null);
    expect(webex.person("other@acme.example", 1)).to.include({ id });
    webex.removePerson(id);
    expect(webex.person(id)).to.equal(null);
    expect(() => webex.movePerson(id, 0)).to.throw(RangeError);
    await Promise.resolve();
  });
});
