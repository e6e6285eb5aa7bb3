import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify } from "node:util";
import { expect } from "chai";

import {
  expectPresenceAfterKill,
  startKeychain,
  type TestKeychain,
} from "../support/keychain-fixture.js";
import { requireDisposableWindows } from "../support/windows-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

interface Keytar {
  findCredentials(service: string): Promise<{ account: string; password: string }[]>;
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
  let keychain: TestKeychain;
  let harness: WorkerHarness;

  before(function () {
    requireDisposableWindows(this);
    keytar = createRequire(import.meta.url)("keytar") as Keytar;
  });

  beforeEach(async () => {
    keychain = await startKeychain();
    harness = await WorkerHarness.start({ secretStore: "keychain" });
  });

  afterEach(async () => {
    await harness.stop();
    await keychain.stop();
  });

  const grants = async () =>
    (await keytar.findCredentials(SERVICE)).filter(({ account }) => account.startsWith("grant:"));

  async function listWithCommandLine(): Promise<unknown> {
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...["dist/cli.cjs", "authorizations", "--json", "--settings", harness.settingsPath],
    ]);
    return (JSON.parse(stdout) as { authorizations: unknown }).authorizations;
  }

  it("brings presence back after the worker was killed, without a new authorization", () =>
    expectPresenceAfterKill(harness));

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
