import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";

import { describeFaults } from "../support/fault-harness.js";
import { TestProxy } from "../support/http-fixture.js";
import { KEYRING_TOOLS, startKeyring } from "../support/keyring-fixture.js";
import { whyNoTool } from "../support/network-fixture.js";
import { missingProxy, watchWorkerBehindProxy } from "../support/proxy-fixture.js";

const missing =
  missingProxy ??
  KEYRING_TOOLS.map(([tool, debianPackage]) => whyNoTool(tool, debianPackage)).find(
    (reason) => reason !== null,
  ) ??
  null;
const CREDENTIALS = { user: "svc", password: "secret1" };
/** A worker notices within a minute what another process has changed in the keychain. */
const PASSWORD_LIMIT_MS = 60_000;

describeFaults("The proxy's password", [
  {
    fault: "The proxy begins to demand a password",
    made: "tinyproxy is restarted with credentials; later, `secret proxy` stores them in a real keyring",
    shown: "`webexUnreachable`: the proxy wants a password (407), and the command that stores it",
    heals: "by the password, within a minute: no restart, no edit of the settings",
    missing,
    timeoutMs: 150_000,
    run: async (trial) => {
      const keyring = await startKeyring();
      trial.cleanUp(() => keyring.stop());
      const options = { secretStore: "keychain", env: keyring.env } as const;
      const { proxy } = await watchWorkerBehindProxy(trial, options, `${CREDENTIALS.user}@`);
      await proxy.stop();
      const strict = await TestProxy.start(CREDENTIALS, proxy.port);
      trial.cleanUp(() => strict.stop());
      await trial.expectProblem("webexUnreachable", /requires a user and a password/);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(async () => {
        const args = ["dist/cli.cjs", "secret", "proxy", "--settings", trial.harness.settingsPath];
        const stdio = ["pipe", "ignore", "inherit"] as const;
        const command = spawn(process.execPath, args, { env: keyring.env, stdio: [...stdio] });
        command.stdin.end(`${CREDENTIALS.password}\n`);
        expect(await once(command, "exit")).to.deep.equal([0, null]);
      });
      await trial.expectRecovery(PASSWORD_LIMIT_MS);
    },
  },
]);
