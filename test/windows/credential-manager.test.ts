import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { expect } from "chai";

import { requireDisposableWindows } from "../support/windows-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

interface Keytar {
  findCredentials(service: string): Promise<{ account: string; password: string }[]>;
  deletePassword(service: string, account: string): Promise<boolean>;
}

const SERVICE = "ucx-webex-presence";
/** CRED_MAX_CREDENTIAL_BLOB_SIZE (wincred.h). Wine does not enforce it. */
const MAX_VALUE_BYTES = 2_560;
/** A grant names its scopes, and an integration may have many. */
const MANY_SCOPES = Array.from(
  { length: 120 },
  (_, index) => `spark:example_scope_number_${index}`,
);

describe("a grant in Windows' Credential Manager", function () {
  this.timeout(60_000);
  let keytar: Keytar;
  let harness: WorkerHarness;

  /** Removes what these tests store: an account of Windows has one Credential Manager. */
  async function clear(): Promise<void> {
    for (const { account } of await keytar.findCredentials(SERVICE))
      await keytar.deletePassword(SERVICE, account);
  }

  before(async function () {
    requireDisposableWindows(this);
    keytar = createRequire(import.meta.url)("keytar") as Keytar;
    await clear();
  });

  beforeEach(async () => {
    harness = await WorkerHarness.start({ secretStore: "keychain" });
  });

  afterEach(async () => {
    await harness.stop();
    await clear();
  });

  const grants = async () =>
    (await keytar.findCredentials(SERVICE)).filter(({ account }) => account.startsWith("grant:"));

  async function listWithCommandLine(): Promise<unknown> {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...["dist/cli.cjs", "authorizations", "--json", "--settings", harness.settingsPath],
    ]);
    return (JSON.parse(stdout) as { authorizations: unknown }).authorizations;
  }

  it("brings presence back after the worker was killed, without a new authorization", async () => {
    const orgId = await harness.authorize();
    await harness.writeSettings(1);
    await harness.waitForPhase("polling");
    const exited = harness.host.exited();
    // TerminateProcess, like Task Manager.
    harness.host.kill("SIGKILL");
    await exited;
    const mark = harness.webex.mark();

    await harness.host.start();
    const status = await harness.waitForPhase("polling", 10_000);
    expect(status.organizations.map((each) => each.orgId)).to.deep.equal([orgId]);
    expect(status.problems).to.deep.equal([]);
    const [email] = harness.webex.people()[0]!.emails;
    const record = await harness.get(email!, 10_000);
    expect(record.reason).to.not.be.oneOf(["notReady", "blocked", "notFound"]);
    expect(record.observedAt).to.be.a("string");
    expect(harness.webex.requestsSince(mark, { path: "/v1/authorize" })).to.deep.equal([]);
    expect(harness.webex.requestsSince(mark, { path: "/v1/access_token" })).to.deep.equal([]);
  });

  it("is what the command line sees, until it is revoked", async () => {
    const orgId = await harness.authorize();
    const listed = (await listWithCommandLine()) as { orgId: string; state: string }[];
    expect(listed.map((each) => [each.orgId, each.state])).to.deep.equal([[orgId, "valid"]]);
    await harness.host.request("authorization/revoke", { orgId });
    expect(await grants()).to.deep.equal([]);
    expect(await listWithCommandLine()).to.deep.equal([]);
  });

  it("is stored in parts if it is longer than Credential Manager allows", async () => {
    await harness.host.request("authorization/setClient", harness.webex.client);
    const { orgId, ...grant } = harness.webex.issueGrant();
    await harness.host.request("authorization/import", {
      ...grant,
      scope: [grant.scope, ...MANY_SCOPES].join(" "),
    });
    const stored = await grants();
    expect(stored).to.have.length.of.at.least(3);
    for (const { account, password } of stored)
      expect(Buffer.byteLength(password), account).to.be.at.most(MAX_VALUE_BYTES);

    const exited = harness.host.exited();
    harness.host.kill("SIGKILL");
    await exited;
    await harness.writeSettings(1);
    await harness.host.start();
    const { organizations } = await harness.waitForPhase("polling", 10_000);
    expect(organizations.map((each) => each.orgId)).to.deep.equal([orgId]);

    await harness.host.request("authorization/revoke", { orgId });
    expect(await grants()).to.deep.equal([]);
  });
});
