import { expect } from "chai";

import { approveDevice } from "../../simulator/administrator.js";
import { CliHarness, type CliRun } from "../support/cli-harness.js";
import { requireKeychain } from "../support/keychain-fixture.js";
import { KEYRING_PASSWORD, startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { skipOnWindows } from "../support/windows-fixture.js";

const SIZE = { columns: 100, rows: 40 };
const OFFERS_CLIENT = /Store the client ID and client secret now\? \[Y\/n\] $/m;
const OFFERS_AUTHORIZATION = /Authorize now\? \[Y\/d\/n\] $/m;
const OFFERS_UNLOCKING = /Unlock the login keyring now, with its password\? \[Y\/n\] $/m;

describe("e2e: the command line: what doctor offers to do", function () {
  this.timeout(90_000);
  let keyring: Keyring;
  let harness: CliHarness;

  before(function () {
    skipOnWindows(this, "only Unix gives a program a terminal through script");
    requireTool(this, "script", "bsdutils");
    requireKeychain(this);
  });

  beforeEach(async () => {
    keyring = await startKeyring();
    harness = await CliHarness.start(keyring.env);
    harness.webex.set({ deviceIntervalSeconds: 1 });
  });

  afterEach(async () => {
    const output = harness.output.join("\n");
    const secrets = [harness.webex.client.clientSecret, KEYRING_PASSWORD];
    const leaked = [...harness.webex.issuedSecrets, ...secrets].filter((secret) =>
      output.includes(secret),
    );
    await harness.stop();
    await keyring.stop();
    expect(leaked.length, "secrets printed").to.equal(0);
  });

  const launchDoctor = (variables: NodeJS.ProcessEnv = {}, ...args: string[]): CliRun =>
    harness.launchInTerminal(["doctor", ...args], SIZE, variables);
  /** What is printed after the last of these words. */
  const endOf = (output: string, after: string): string => output.split(after).at(-1) ?? "";

  it("stores the client, authorizes with a code, and concludes anew after each", async () => {
    const run = launchDoctor();
    await run.waitForOutput(OFFERS_CLIENT);
    run.type("\r");
    await run.waitForOutput(/Client ID of the Webex integration: $/m);
    const { clientId, clientSecret } = harness.webex.client;
    run.type(`${clientId}\r${clientSecret}\r`);
    await run.waitForOutput(OFFERS_AUTHORIZATION);
    run.type("what?\rd\r");
    const [, address = ""] = await run.waitForOutput(/Address +\S*(http:[\w/.:]+)/);
    const [, code = ""] = await run.waitForOutput(/Code +\S*?(\d{6})/);
    await approveDevice(address, code);
    const { code: exitCode, stdout } = await run.ended();
    expect(exitCode, stdout).to.equal(0);
    expect(stdout.match(/ {2}settings /g), "checked once").to.have.length(1);
    expect(stdout.match(/Authorize now/g), "asked again after another answer").to.have.length(2);
    const after = endOf(stdout, "Access until");
    expect(after).to.match(/ok {2}\S* {2}grant /);
    expect(after).to.include("Presence will work as soon as the worker runs");
    const { value } = await harness.json(["authorizations"]);
    expect(value.authorizations).to.have.length(1);
  });

  it("unlocks the keyring, after a wrong password too, and does not ask forever", async () => {
    await keyring.lock();
    const run = launchDoctor();
    await run.waitForOutput(OFFERS_UNLOCKING);
    run.type("y\rwrong\r");
    await run.waitForOutput(/not the password of the login keyring[^]*\[Y\/n\] $/m);
    run.type(`y\r${KEYRING_PASSWORD}\r`);
    await run.waitForOutput(OFFERS_CLIENT);
    expect(await keyring.isLocked()).to.equal(false);
    run.type("n\r");
    const { code, stdout } = await run.ended();
    expect(code).to.equal(1);
    expect(stdout.match(/ {2}DNS /g), "does not depend on the keychain").to.have.length(1);
    expect(endOf(stdout, "(hidden)")).to.match(/ok {2}\S* {2}keychain /);

    await keyring.lock();
    const stubborn = launchDoctor();
    await stubborn.waitForOutput(OFFERS_UNLOCKING);
    stubborn.type("y\rwrong\ry\rwrong\ry\rwrong\r");
    const refused = await stubborn.ended();
    expect(refused.code).to.equal(1);
    expect(refused.stdout.match(/not the password/g)).to.have.length(3);
  });

  it("stores nothing if half a client is entered, and ends at n or Ctrl+C", async () => {
    const run = launchDoctor();
    await run.waitForOutput(OFFERS_CLIENT);
    run.type("y\rid\r\r");
    await run.waitForOutput(/The client secret is missing\. Nothing was stored\.[^]*\[Y\/n\] $/m);
    run.type("N\r");
    expect((await run.ended()).code).to.equal(1);
    const interrupted = launchDoctor();
    await interrupted.waitForOutput(OFFERS_CLIENT);
    interrupted.type("\u0003");
    const { code, stdout } = await interrupted.ended();
    expect(code).to.equal(1);
    expect(endOf(stdout, "now?")).to.not.include("Error");
    expect(await keyring.lookup("client")).to.equal(null);
  });

  it("shows what runs, and asks nothing in continuous integration, with --json or without a terminal", async () => {
    const runs = [
      launchDoctor({ CI: "true" }),
      launchDoctor({}, "--json"),
      launchDoctor({ TERM: "dumb" }),
      harness.launch(["doctor"], null),
    ];
    const outcomes = await Promise.all(runs.map((run) => run.ended()));
    for (const { code, stdout, stderr } of outcomes) {
      expect(code).to.equal(1);
      expect(stdout).to.include("Presence does not work until the client ID");
      expect(stdout + stderr).to.not.include("[Y/n]");
    }
    const [terminal, , , pipe] = outcomes.map(({ stdout }) => stdout);
    expect(terminal, "side by side").to.match(
      /\d+ of 18 checks done, running: [^…\n]*keychain, [^…\n]*address/,
    );
    expect(pipe).to.not.include("checks done");
    expect(pipe?.trimEnd().split("\n").at(-1)).to.equal(
      `Presence does not work until the client ID and client secret of the Webex integration are stored: ucx-webex-presence secret client --settings ${harness.settingsPath}`,
    );
  });
});
