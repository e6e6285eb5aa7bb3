import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { makeCertificates } from "../support/http-fixtures.js";
import { requireTool } from "../support/require-tool.js";
import { WorkerRig } from "../support/worker-rig.js";

interface Record_ {
  uri: string;
  state: string;
  reason: string | null;
  webexStatus: string | null;
  displayName: string | null;
  observedAt: string | null;
}

interface Changed {
  subscriptionIds: string[];
  sequence: number;
  changes: Record_[];
}

describe("e2e: from Presence.ini to presence", function () {
  this.timeout(30_000);
  let rig: WorkerRig;

  beforeEach(async () => {
    rig = await WorkerRig.start();
  });

  afterEach(async () => {
    await rig.stop();
  });

  it("asks Webex within 1 s of Enable=1 and stops within 1 s of Enable=0", async () => {
    await rig.authorize();
    await rig.phase("disabled");
    const before = rig.webex.mark();
    const enabledAt = Date.now();
    const first = rig.webex.nextRequest({ path: "/v1/people" }, 3_000);
    await rig.writeSettings(1);
    await first;
    expect(Date.now() - enabledAt).to.be.lessThan(1_000);
    const status = await rig.phase("polling");
    await rig.eventually(
      "a complete sweep",
      async () => ((await rig.status()).organizations[0]?.lastSweep ?? null) !== null || null,
    );
    expect(status.enabled).to.equal(true);
    expect(rig.webex.requestsSince(before).length).to.be.greaterThan(0);

    const disabledAt = Date.now();
    await rig.writeSettings(0);
    await rig.phase("disabled", 1_000);
    expect(Date.now() - disabledAt).to.be.lessThan(1_000);
    const after = rig.webex.mark();
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect(rig.webex.requestsSince(after)).to.deep.equal([]);
  });

  it("asks Webex within 1 s of a corrected proxy, however long the wrong one has failed", async () => {
    await rig.authorize();
    await rig.writeSettings(1, ["WebexPresence.Proxy=http://127.0.0.1:1"]);
    await rig.eventually(
      "a wait of seconds between two tries",
      async () => {
        const { nextRequestAt } = (await rig.status()).organizations[0]!;
        return nextRequestAt !== null && Date.parse(nextRequestAt) > Date.now() + 2_500 ? true : null;
      },
      25_000,
    );
    const next = rig.webex.nextRequest({ path: "/v1/people" }, 3_000);
    const correctedAt = Date.now();
    await rig.writeSettings(1, ["WebexPresence.Proxy=none"]);
    await next;
    expect(Date.now() - correctedAt).to.be.lessThan(1_000);
    await rig.eventually("no problem", async () =>
      (await rig.status()).problems.some((p) => p.severity !== "info") ? null : true,
    );
  });

  it("goes on trusting the certificates in force while CaFile names a file that cannot be used", async function () {
    requireTool(this, "openssl", "openssl");
    const { authority, good: tls } = makeCertificates();
    const secure = new WebexSimulator({ organizations: [{ name: "Secure Ltd", persons: 3, seed: 7 }] });
    await secure.start({ tls });
    try {
      const caFile = join(rig.folder, "ca.pem");
      await writeFile(caFile, authority);
      const lines = (path: string): string[] => [`WebexPresence.ApiUrl=${secure.apiUrl}`, `WebexPresence.CaFile=${path}`];
      await rig.writeSettings(1, lines(caFile));
      await rig.eventually("settings", async () => ((await rig.status()).enabled ? true : null));
      await rig.host.request("authorization/setClient", secure.client);
      const { orgId: _orgId, ...grant } = secure.issueGrant();
      await rig.host.request("authorization/import", grant);
      await rig.phase("polling");
      await rig.writeSettings(1, lines(`${caFile}.gone`));
      const { problems, settings } = await rig.eventually("the problem", async () => {
        const status = await rig.status();
        return status.problems.some(({ code }) => code === "settingsInvalid") ? status : null;
      });
      expect(problems.find(({ code }) => code === "settingsInvalid")?.message).to.include(
        `WebexPresence.CaFile=${caFile}.gone (line 6) names a file that is not there (ENOENT); it stays ${caFile}.`,
      );
      expect(settings.values["WebexPresence.CaFile"]).to.equal(caFile);
      await secure.nextRequest({ path: "/v1/people" }, 8_000);
    } finally {
      await secure.stop();
    }
  });

  it("answers for an address in any spelling, and tells subscribers what changes", async () => {
    const person = rig.webex.people()[3]!;
    const email = person.emails[0]!;
    rig.webex.setStatus(email, "meeting");
    await rig.authorize();
    expect(await rig.get(email)).to.include({ state: "unknown", reason: "disabled" });
    await rig.writeSettings(1);
    await rig.phase("polling");
    for (const spelling of [
      email,
      email.toUpperCase(),
      `sip:${email};transport=tls`,
      ` <SIPS:${email}?subject=x> `,
      email.replace("@", "%40"),
    ]) {
      const record = await rig.get(spelling, 10_000);
      expect(record, spelling).to.include({
        uri: spelling,
        state: "inMeeting",
        basic: "open",
        personId: person.id,
        webexStatus: "meeting",
      });
      expect(record.activities).to.deep.equal(["meeting"]);
    }
    expect(await rig.get("nobody@example.com", 10_000)).to.include({ state: "unknown", reason: "notFound" });
    expect(await rig.get("tel:+4711")).to.include({ state: "unknown", reason: "invalidUri" });

    const spellings = [email, `SIP:${email}`];
    const { subscriptionId, records } = (await rig.host.request("presence/subscribe", { uris: spellings })) as {
      subscriptionId: string;
      records: Record_[];
    };
    expect(records.map((r) => [r.uri, r.state])).to.deep.equal(spellings.map((s) => [s, "inMeeting"]));
    const heard = rig.host.nextNotification(
      "presence/changed",
      (p) => (p as Changed).changes.some((c) => c.uri === email),
      12_000,
    );
    rig.webex.setStatus(email, "DoNotDisturb");
    const changed = (await heard) as Changed;
    expect(changed.subscriptionIds).to.deep.equal([subscriptionId]);
    expect(changed.changes.map((c) => [c.uri, c.state])).to.have.deep.members(spellings.map((s) => [s, "doNotDisturb"]));

    const off = rig.host.nextNotification(
      "presence/changed",
      (p) => (p as Changed).changes.some((c) => c.reason === "disabled"),
      5_000,
    );
    await rig.writeSettings(0);
    const toldOff = (await off) as Changed;
    expect(toldOff.sequence).to.be.greaterThan(changed.sequence);
    expect(await rig.get(email)).to.include({
      state: "unknown",
      basic: null,
      reason: "disabled",
      webexStatus: "DoNotDisturb",
      personId: person.id,
    });
  });

  it("lists everyone, page by page, and reports the organization", async () => {
    const orgId = await rig.authorize();
    await rig.writeSettings(1);
    await rig.eventually(
      "a complete sweep",
      async () => ((await rig.status()).organizations[0]?.lastSweep ?? null) !== null || null,
    );
    const uris: string[] = [];
    let cursor: string | null = null;
    do {
      const page = (await rig.host.request("presence/list", { limit: 7, ...(cursor === null ? {} : { cursor }) })) as {
        records: Record_[];
        nextCursor: string | null;
        total: number;
      };
      expect(page.total).to.equal(30);
      uris.push(...page.records.map((r) => r.uri));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(uris).to.have.length(30);
    expect(uris).to.deep.equal([...uris].sort());
    const status = await rig.status();
    expect(status.organizations[0]).to.include({ orgId, persons: 30 });
    // Those that proved the grant are among them.
    expect(status.organizations[0]?.requests.total).to.equal(rig.webex.requestsSince(0, { bearer: true, orgId }).length);
    expect(status.problems.map((p) => p.code)).to.deep.equal(["memorySecretStore"]);
  });

  it("is blocked with a problem for each thing to do, then polls as soon as it is done", async () => {
    await rig.writeSettings(1);
    const blocked = await rig.phase("blocked");
    expect(blocked.problems.map((p) => p.code)).to.include.members(["clientNotConfigured", "authorizationRequired"]);
    expect(await rig.get("a@example.com")).to.include({ state: "unknown", reason: "blocked" });
    await rig.authorize();
    await rig.phase("polling");
  });

  it("says blocked while Webex refuses, and why", async () => {
    await rig.authorize();
    await rig.writeSettings(1);
    await rig.phase("polling");
    rig.webex.endGrants();
    const blocked = await rig.phase("blocked", 15_000);
    expect(blocked.problems.map((p) => p.code)).to.include("authorizationExpired");
    const email = rig.webex.people()[0]!.emails[0]!;
    expect(await rig.get(email)).to.include({ state: "unknown", reason: "blocked" });
  });

  it("serves several organizations side by side", async () => {
    await rig.stop();
    rig = await WorkerRig.start({
      organizations: [
        { name: "First", persons: 5, seed: 1 },
        { name: "Second", persons: 6, seed: 2 },
      ],
    });
    const first = await rig.authorize(0);
    const second = await rig.authorize(1);
    await rig.writeSettings(1);
    await rig.eventually("two sweeps", async () => (await rig.status()).organizations.every((o) => o.lastSweep !== null) || null);
    expect((await rig.status()).organizations.map((o) => [o.orgId, o.persons])).to.deep.equal([
      [first, 5],
      [second, 6],
    ]);
    await rig.host.request("authorization/revoke", { orgId: first });
    expect((await rig.status()).organizations.map((o) => o.orgId)).to.deep.equal([second]);
    expect(((await rig.host.request("presence/list", {})) as { total: number }).total).to.equal(6);
  });

  it("writes none of the secrets that Webex issued, in any stream or file", async () => {
    await rig.authorize();
    await rig.writeSettings(1, ["WebexPresence.LogLevel=debug"]);
    await rig.phase("polling");
    rig.webex.expireAccessTokens();
    await rig.eventually(
      "a refresh",
      () => (rig.webex.requestsSince(0, { path: "/v1/access_token" }).length > 0 ? true : null),
      15_000,
    );
    await rig.host.shutdown();
    const written = await rig.written();
    expect(written.length).to.be.greaterThan(1_000);
    for (const secret of rig.webex.issuedSecrets) expect(written.includes(secret), "a secret was written").to.equal(false);
  });
});
