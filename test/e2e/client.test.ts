import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import type * as clientModule from "../../src/client/client.js";
import type { ClientEvents, PresenceRecord } from "../../src/client/client.js";

const { PresenceClient, RpcError } = createRequire(import.meta.url)(
  resolve("dist/client.cjs"),
) as typeof clientModule;

describe("e2e: the client of the package", function () {
  this.timeout(30_000);
  let folder: string;
  let webex: WebexSimulator;
  let client: clientModule.PresenceClient;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "ucx-client-"));
    const persons = { name: "Example Ltd", persons: 10, seed: 7 };
    webex = new WebexSimulator({ organizations: [persons], speed: 0 });
    await webex.start();
    const settingsPath = join(folder, "Presence.ini");
    writeFileSync(
      settingsPath,
      `WebexPresence.Enable=1\nWebexPresence.ApiUrl=${webex.apiUrl}\nWebexPresence.Authorize=off\n`,
    );
    client = new PresenceClient({
      manifestPath: "plugin.manifest.json",
      settingsPath,
      args: ["--secret-store", "memory", "--log-dir", join(folder, "log")],
      introduction: { host: { name: "The host of a test", version: "2026.Winter.1" } },
    });
  });
  after(async () => {
    await client.stop();
    await webex.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  async function authorize(): Promise<void> {
    await client.request("authorization/setClient", webex.client);
    const { orgId: _orgId, ...grant } = webex.issueGrant();
    await client.request("authorization/import", grant);
  }
  const next = <Name extends keyof ClientEvents>(name: Name) =>
    new Promise<ClientEvents[Name]>((done) => {
      const off = client.events.on(name, (payload) => {
        off();
        done(payload);
      });
    });

  it("follows presence through a restart, and asks Webex at the moment of a decision", async () => {
    const [person] = webex.people();
    const uri = `sip:${person!.emails[0]!}`;
    webex.setStatus(person!.emails[0]!, "active");
    await client.start();
    await authorize();
    const subscription = await client.subscribe({ uris: [uri] });
    const until = (isReached: (record: PresenceRecord) => boolean) =>
      new Promise<PresenceRecord>((done) => {
        const off = subscription.events.on("changed", ([record]) => {
          if (!isReached(record!)) return;
          off();
          done(record!);
        });
      });
    if (subscription.records.get(uri)?.state !== "available") {
      await until(({ state }) => state === "available");
    }

    webex.setStatus(person!.emails[0]!, "call");
    const { record, isFresh } = await client.refresh(uri);
    expect(isFresh).to.equal(true);
    expect(record).to.include({ uri, state: "onCall" });

    const lost = until(({ state }) => state === "unknown");
    const restarted = next("restarted");
    client.kill();
    expect(await lost).to.include({ reason: "notReady", displayName: person!.displayName });
    await restarted;
    const confirmed = until(({ state }) => state === "onCall");
    await authorize();
    expect(await confirmed).to.include({ uri, reason: null });
  });

  it("rejects with the codes of the worker", async () => {
    const error: unknown = await client
      .request("presence/unsubscribe", { subscriptionId: "none" })
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(RpcError).with.property("code", 1201);
  });

  it("stops the worker with exit code 0, and has read its log", async () => {
    const lines: string[] = [];
    client.events.on("stderrLine", (line) => lines.push(line));
    expect(await client.stop()).to.deep.equal({ code: 0, signal: null });
    expect(lines.join("\n")).to.match(/stop/i);
  });
});
