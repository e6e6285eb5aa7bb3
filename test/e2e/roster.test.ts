import { expect } from "chai";

import { WorkerHarness } from "../support/worker-harness.js";

describe("e2e: who is in a roster", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  const changeOf = (uri: string, reason: string | null, timeoutMs: number): Promise<true> =>
    harness.waitFor(
      `${uri} to be ${reason ?? "known"}`,
      () =>
        harness.notifications.some(({ method, params }) => {
          const { changes } = params as { changes?: { uri: string; reason: string | null }[] };
          if (method !== "presence/changed" || changes === undefined) return false;
          return changes.some((change) => change.uri === uri && change.reason === reason);
        }) || null,
      timeoutMs,
    );

  it("tells subscribers right after a sweep that somebody is gone at Webex", async () => {
    harness = await WorkerHarness.start({ enable: 1 });
    await harness.authorize();
    const [, ada, bob] = harness.webex.people();
    const [uri = "", other = ""] = [ada?.emails[0], bob?.emails[0]];
    harness.webex.setStatus(uri, "active");
    await harness.get(uri, 10_000);
    await harness.host.request("presence/subscribe", { uris: [uri, other] });
    harness.webex.removePerson(uri);
    const mark = harness.webex.mark();
    await changeOf(uri, "notFound", 20_000);
    const requests = harness.webex.requestsSince(mark, { path: "/v1/people*" });
    const sweeps = requests.filter(({ query }) => "max" in query);
    expect(sweeps.length).to.be.within(1, 2);
    expect(requests.filter(({ status }) => status === 404)).to.have.length(1);
    expect(await harness.get(other)).to.include({ personId: bob?.id });
  });

  it("leaves persons whom a partner finds in another organization to that organization", async () => {
    harness = await WorkerHarness.start({
      enable: 1,
      organizations: [
        { name: "Partner Ltd", persons: 15, seed: 7 },
        { name: "Customer Ltd", persons: 5, seed: 8 },
      ],
    });
    const [customer] = harness.webex.people(1);
    const uri = customer?.emails[0] ?? "";
    harness.webex.setStatus(uri, "meeting", 1);
    await harness.host.request("authorization/setClient", harness.webex.client);
    const { orgId: partnerId, ...grant } = harness.webex.issueGrant({ role: "partnerAdmin" });
    // The first sweep takes several pages, between which the watched address is looked up.
    harness.webex.set({ maxPageSize: 2 });
    await harness.host.request("presence/subscribe", { uris: [uri] });
    await harness.host.request("authorization/import", grant);
    await harness.waitFor(
      "a sweep of the partner",
      async () => {
        const { organizations } = await harness.status();
        return (organizations[0]?.lastSweep?.persons ?? 0) > 0 || null;
      },
      20_000,
    );
    expect(await harness.get(uri)).to.include({ reason: "notFound", orgId: null });
    const lookups = harness.webex.requestsSince(0, { path: "/v1/people", orgId: partnerId });
    expect(lookups.filter(({ query }) => query.email === uri)).to.have.length(1);
    const customerId = await harness.authorize(1);
    await changeOf(uri, null, 20_000);
    expect(await harness.get(uri)).to.include({
      state: "inMeeting",
      orgId: customerId,
      personId: customer?.id,
    });
    const { organizations } = await harness.waitFor(
      "a sweep of the customer",
      async () => {
        const status = await harness.status();
        return (status.organizations[1]?.lastSweep ?? null) === null ? null : status;
      },
      20_000,
    );
    expect(organizations.map(({ orgId, persons }) => [orgId, persons])).to.deep.equal([
      [partnerId, 15],
      [customerId, 5],
    ]);
  });

  it("finds a person with a literal percent sign in the address, as lists and as URIs write it", async () => {
    harness = await WorkerHarness.start({ enable: 1 });
    const email = "50%25off@example-ltd.example";
    const { id } = harness.webex.addPerson(0, { email, status: "call" });
    await harness.host.request("presence/subscribe", { uris: [email] });
    await harness.authorize();
    await changeOf(email, null, 20_000);
    const { records } = (await harness.host.request("presence/list", { states: ["onCall"] })) as {
      records: { uri: string; personId: string }[];
    };
    const listed = records.find(({ personId }) => personId === id);
    expect(listed?.uri).to.equal(email);
    for (const uri of [
      email,
      "sip:50%2525off@example-ltd.example",
      ` <sip:50%2525off@EXAMPLE-LTD.example>`,
    ]) {
      expect(await harness.get(uri), uri).to.include({ uri, state: "onCall", personId: id });
    }
    expect(await harness.get("sip:50%25off@example-ltd.example")).to.include({
      reason: "notFound",
    });
  });
});
