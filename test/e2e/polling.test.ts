import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import { makeCertificates } from "../support/certificates-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

interface ChangedRecord {
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
  changes: ChangedRecord[];
}

describe("e2e: from Presence.ini to presence", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;

  beforeEach(async () => {
    harness = await WorkerHarness.start();
  });

  afterEach(async () => {
    await harness.stop();
  });

  it("starts polling within 1 s of Enable=1 and stops within 1 s of Enable=0", async () => {
    await harness.authorize();
    await harness.waitForPhase("disabled");
    const before = harness.webex.mark();
    const enabledAt = Date.now();
    const first = harness.webex.nextRequest({ path: "/v1/people" }, 3_000);
    await harness.writeSettings(1);
    await first;
    expect(Date.now() - enabledAt).to.be.lessThan(1_000);
    const status = await harness.waitForPhase("polling");
    await harness.waitFor(
      "a complete sweep",
      async () => ((await harness.status()).organizations[0]?.lastSweep ?? null) !== null || null,
    );
    expect(status.enabled).to.equal(true);
    expect(harness.webex.requestsSince(before).length).to.be.greaterThan(0);

    const disabledAt = Date.now();
    await harness.writeSettings(0);
    await harness.waitForPhase("disabled", 1_000);
    expect(Date.now() - disabledAt).to.be.lessThan(1_000);
    const after = harness.webex.mark();
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    expect(harness.webex.requestsSince(after)).to.deep.equal([]);
  });

  it("polls within 1 s of a corrected proxy, however long the wrong one has failed", async () => {
    await harness.authorize();
    await harness.writeSettings(1, ["WebexPresence.Proxy=http://127.0.0.1:1"]);
    await harness.waitFor(
      "a backoff of several seconds",
      async () => {
        const { nextRequestAt } = (await harness.status()).organizations[0]!;
        return nextRequestAt !== null && Date.parse(nextRequestAt) > Date.now() + 2_500
          ? true
          : null;
      },
      25_000,
    );
    const next = harness.webex.nextRequest({ path: "/v1/people" }, 3_000);
    const correctedAt = Date.now();
    await harness.writeSettings(1, ["WebexPresence.Proxy=none"]);
    await next;
    expect(Date.now() - correctedAt).to.be.lessThan(1_000);
    await harness.waitFor("no problem", async () =>
      (await harness.status()).problems.some((p) => p.severity !== "info") ? null : true,
    );
  });

  it("keeps trusting the current certificates while CaFile names an unusable file", async function () {
    const { authority, good: tls } = makeCertificates();
    const secure = new WebexSimulator({
      organizations: [{ name: "Secure Ltd", persons: 3, seed: 7 }],
    });
    await secure.start({ tls });
    try {
      const caFile = join(harness.folder, "ca.pem");
      await writeFile(caFile, authority);
      const lines = (path: string): string[] => [
        `WebexPresence.ApiUrl=${secure.apiUrl}`,
        `WebexPresence.CaFile=${path}`,
      ];
      await harness.writeSettings(1, lines(caFile));
      await harness.waitFor("settings", async () =>
        (await harness.status()).enabled ? true : null,
      );
      await harness.host.request("authorization/setClient", secure.client);
      const { orgId: _orgId, ...grant } = secure.issueGrant();
      await harness.host.request("authorization/import", grant);
      await harness.waitForPhase("polling");
      await harness.writeSettings(1, lines(`${caFile}.gone`));
      const { problems, settings } = await harness.waitFor("the problem", async () => {
        const status = await harness.status();
        return status.problems.some(({ code }) => code === "settingsInvalid") ? status : null;
      });
      expect(problems.find(({ code }) => code === "settingsInvalid")?.message).to.include(
        `WebexPresence.CaFile=${caFile}.gone (line 6) names a file that does not exist (ENOENT); it stays ${caFile}.`,
      );
      expect(settings.values["WebexPresence.CaFile"]).to.equal(caFile);
      await secure.nextRequest({ path: "/v1/people" }, 8_000);
    } finally {
      await secure.stop();
    }
  });

  it("answers for any spelling of an address, and notifies subscribers of changes", async () => {
    const person = harness.webex.people()[3]!;
    const email = person.emails[0]!;
    harness.webex.setStatus(email, "meeting");
    await harness.authorize();
    expect(await harness.get(email)).to.include({ state: "unknown", reason: "disabled" });
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    for (const spelling of [
      email,
      email.toUpperCase(),
      `sip:${email};transport=tls`,
      ` <SIPS:${email}?subject=x> `,
      email.replace("@", "%40"),
    ]) {
      const record = await harness.get(spelling, 10_000);
      expect(record, spelling).to.include({
        uri: spelling,
        state: "inMeeting",
        basic: "open",
        personId: person.id,
        webexStatus: "meeting",
      });
      expect(record.activities).to.deep.equal(["meeting"]);
    }
    expect(await harness.get("nobody@example.com", 10_000)).to.include({
      state: "unknown",
      reason: "notFound",
    });
    expect(await harness.get("tel:+4711")).to.include({ state: "unknown", reason: "invalidUri" });

    const spellings = [email, `SIP:${email}`];
    const { subscriptionId, records } = (await harness.host.request("presence/subscribe", {
      uris: spellings,
    })) as {
      subscriptionId: string;
      records: ChangedRecord[];
    };
    expect(records.map((r) => [r.uri, r.state])).to.deep.equal(
      spellings.map((s) => [s, "inMeeting"]),
    );
    const change = harness.host.nextNotification(
      "presence/changed",
      (p) => (p as Changed).changes.some((c) => c.uri === email),
      12_000,
    );
    harness.webex.setStatus(email, "DoNotDisturb");
    const changed = (await change) as Changed;
    expect(changed.subscriptionIds).to.deep.equal([subscriptionId]);
    expect(changed.changes.map((c) => [c.uri, c.state])).to.have.deep.members(
      spellings.map((s) => [s, "doNotDisturb"]),
    );

    const [disabledChange] = await Promise.all([
      harness.host.nextNotification(
        "presence/changed",
        (p) => (p as Changed).changes.some((c) => c.reason === "disabled"),
        5_000,
      ),
      harness.writeSettings(0),
    ]);
    expect((disabledChange as Changed).sequence).to.be.greaterThan(changed.sequence);
    expect(await harness.get(email)).to.include({
      state: "unknown",
      basic: null,
      reason: "disabled",
      webexStatus: "DoNotDisturb",
      personId: person.id,
    });
  });

  it("lists everyone page by page, and reports the organization", async () => {
    const orgId = await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitFor(
      "a complete sweep",
      async () => ((await harness.status()).organizations[0]?.lastSweep ?? null) !== null || null,
    );
    const uris: string[] = [];
    let cursor: string | null = null;
    do {
      const page = (await harness.host.request("presence/list", {
        limit: 7,
        ...(cursor === null ? {} : { cursor }),
      })) as {
        records: ChangedRecord[];
        nextCursor: string | null;
        total: number;
      };
      expect(page.total).to.equal(30);
      uris.push(...page.records.map((r) => r.uri));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(uris).to.have.length(30);
    expect(uris).to.deep.equal([...uris].sort());
    const status = await harness.status();
    expect(status.organizations[0]).to.include({ orgId, persons: 30 });
    // The total includes the requests that verified the grant.
    expect(status.organizations[0]?.requests.total).to.equal(
      harness.webex.requestsSince(0, { bearer: true, orgId }).length,
    );
    expect(status.problems.map((p) => p.code)).to.deep.equal(["memorySecretStore"]);
  });

  it("is blocked with a problem per missing step, and polls once all are done", async () => {
    await harness.writeSettings(1);
    const blocked = await harness.waitForPhase("blocked");
    expect(blocked.problems.map((p) => p.code)).to.include.members([
      "clientNotConfigured",
      "authorizationRequired",
    ]);
    expect(await harness.get("a@example.com")).to.include({ state: "unknown", reason: "blocked" });
    await harness.authorize();
    await harness.waitForPhase("polling");
  });

  it("is blocked while Webex refuses access, and reports why", async () => {
    await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    harness.webex.endGrants();
    const blocked = await harness.waitForPhase("blocked", 15_000);
    expect(blocked.problems.map((p) => p.code)).to.include("authorizationExpired");
    const email = harness.webex.people()[0]!.emails[0]!;
    expect(await harness.get(email)).to.include({ state: "unknown", reason: "blocked" });
  });

  it("polls several organizations at the same time", async () => {
    await harness.stop();
    harness = await WorkerHarness.start({
      organizations: [
        { name: "First", persons: 5, seed: 1 },
        { name: "Second", persons: 6, seed: 2 },
      ],
    });
    const first = await harness.authorize(0);
    const second = await harness.authorize(1);
    await harness.writeSettings(1);
    await harness.waitFor(
      "two sweeps",
      async () => (await harness.status()).organizations.every((o) => o.lastSweep !== null) || null,
    );
    expect((await harness.status()).organizations.map((o) => [o.orgId, o.persons])).to.deep.equal([
      [first, 5],
      [second, 6],
    ]);
    await harness.host.request("authorization/revoke", { orgId: first });
    expect((await harness.status()).organizations.map((o) => o.orgId)).to.deep.equal([second]);
    expect(((await harness.host.request("presence/list", {})) as { total: number }).total).to.equal(
      6,
    );
  });

  it("writes none of the secrets issued by Webex to any stream or file", async () => {
    await harness.authorize();
    await harness.writeSettings(1, ["WebexPresence.LogLevel=debug"]);
    await harness.waitForPhase("polling");
    harness.webex.expireAccessTokens();
    await harness.waitFor(
      "a refresh",
      () => (harness.webex.requestsSince(0, { path: "/v1/access_token" }).length > 0 ? true : null),
      15_000,
    );
    await harness.host.shutdown();
    const written = await harness.readAllOutput();
    expect(written.length).to.be.greaterThan(1_000);
    for (const secret of harness.webex.issuedSecrets)
      expect(written.includes(secret), "a secret was written").to.equal(false);
  });
});
