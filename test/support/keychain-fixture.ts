import { createRequire } from "node:module";
import { expect } from "chai";
import type { Context } from "mocha";

import { KEYRING_TOOLS, startKeyring } from "./keyring-fixture.js";
import { requireTool } from "./required-tool-fixture.js";
import { IS_WINDOWS, requireDisposableWindows } from "./windows-fixture.js";
import type { WorkerHarness } from "./worker-harness.js";

const SERVICE = "ucx-webex-presence";

interface Keytar {
  getPassword(service: string, account: string): Promise<string | null>;
  findCredentials(service: string): Promise<{ account: string }[]>;
  deletePassword(service: string, account: string): Promise<boolean>;
}

/** A real keychain, empty at the start, which a process with `env` uses. */
export interface TestKeychain {
  readonly env: NodeJS.ProcessEnv;
  /** Reads a value; null if there is none. */
  lookup(account: string): Promise<string | null>;
  /** Removes everything in it. */
  stop(): Promise<void>;
}

/** Skips a test that needs a real keychain, where there is none that it may write to. */
export function requireKeychain(context: Context): void {
  if (IS_WINDOWS) requireDisposableWindows(context);
  else for (const [tool, debianPackage] of KEYRING_TOOLS) requireTool(context, tool, debianPackage);
}

/**
 * On Windows that of the account, which has one: files of tests that use it must not run at the
 * same time. Elsewhere a keyring of its own.
 */
export async function startKeychain(): Promise<TestKeychain> {
  if (!IS_WINDOWS) return startKeyring();
  const keychain = new CredentialManager();
  await keychain.stop();
  return keychain;
}

class CredentialManager implements TestKeychain {
  readonly env = process.env;
  readonly #keytar = createRequire(import.meta.url)("keytar") as Keytar;

  lookup(account: string): Promise<string | null> {
    return this.#keytar.getPassword(SERVICE, account);
  }

  async stop(): Promise<void> {
    for (const { account } of await this.#keytar.findCredentials(SERVICE))
      await this.#keytar.deletePassword(SERVICE, account);
  }
}

/**
 * Authorizes a worker that has a keychain, kills it and starts it again. Expects presence without
 * another authorization, and without new tokens.
 */
export async function expectPresenceAfterKill(harness: WorkerHarness): Promise<void> {
  const { host, webex } = harness;
  const orgId = await harness.authorize();
  await harness.writeSettings(1);
  await harness.waitForPhase("polling");
  const exited = host.exited();
  // On Windows TerminateProcess, like Task Manager.
  host.kill("SIGKILL");
  await exited;
  const mark = webex.mark();
  const email = webex.people()[0]!.emails[0]!;
  webex.setStatus(email, "call");

  await host.start();
  const status = await harness.waitForPhase("polling", 10_000);
  expect(status.organizations.map((each) => each.orgId)).to.deep.equal([orgId]);
  expect(status.problems).to.deep.equal([]);
  await harness.waitFor(
    "presence",
    async () => ((await harness.get(email, 1_000)).state === "onCall" ? true : null),
    10_000,
  );
  for (const path of ["/v1/authorize", "/v1/access_token"])
    expect(webex.requestsSince(mark, { path })).to.deep.equal([]);
}
