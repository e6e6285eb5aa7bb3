import { expect } from "chai";

import { requireKeychain, startKeychain, type TestKeychain } from "../support/keychain-fixture.js";
import { CliHarness, STOPPED, type CliRun } from "../support/cli-harness.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { skipOnWindows } from "../support/windows-fixture.js";

describe("e2e: the command line: watch with an authorization", function () {
  this.timeout(60_000);
  let keyring: TestKeychain;
  let harness: CliHarness;

  before(function () {
    requireKeychain(this);
  });

  beforeEach(async () => {
    keyring = await startKeychain();
    harness = await CliHarness.start(keyring.env);
    await harness.run(["secret", "client"], harness.clientLines());
    const { orgId: _orgId, ...grant } = harness.webex.issueGrant();
    expect((await harness.run(["import"], JSON.stringify(grant))).code).to.equal(0);
  });

  afterEach(async () => {
    await harness.stop();
    await keyring.stop();
  });

  it("prints the given people and each change", async () => {
    const person = harness.webex.people()[2]!;
    const email = person.emails[0]!;
    harness.webex.setStatus(email, "active");
    const run = harness.launch(["watch", email, "nobody@example.com"]);
    await run.waitForOutput(new RegExp(`${person.displayName} {2}● available`));
    await run.waitForOutput(/nobody@example\.com {2}\? unknown \(not found\)/);
    harness.webex.setStatus(email, "call");
    await run.waitForOutput(/● available → ♪ on a call/);
    const { code, stderr } = await run.stop("SIGTERM");
    expect(code, stderr).to.equal(STOPPED);
  });

  it("counts everyone if nobody is given, and prints changes", async () => {
    const email = harness.webex.people()[0]!.emails[0]!;
    harness.webex.setStatus(email, "active");
    const run = harness.launch(["watch"]);
    await run.waitForOutput(/First sweep done: /);
    harness.webex.setStatus(email, "DoNotDisturb");
    await run.waitForOutput(/● available → ▬ do not disturb/);
    expect((await run.stop("SIGINT")).code).to.equal(STOPPED);
  });

  it("--json prints everyone once", async () => {
    const { code, value } = await harness.json(["watch"]);
    expect(code).to.equal(0);
    expect(value).to.include({ ok: true, phase: "polling" });
    expect(value.records).to.have.length(12);
    const email = harness.webex.people()[0]!.emails[0]!;
    const one = await harness.json(["watch", `sip:${email}`]);
    expect(one.value.records.map(({ uri }) => uri)).to.deep.equal([`sip:${email}`]);
    expect(one.value.records[0]!.observedAt).to.not.equal(null);
  });

  it("--json is not ok, like status, while there is a problem of severity error", async () => {
    const { orgId: _orgId, ...grant } = harness.webex.issueGrant({
      scopes: ["spark-admin:people_read"],
    });
    expect((await harness.run(["import"], JSON.stringify(grant))).code).to.equal(0);
    const { code, value } = await harness.json(["watch"]);
    expect(value.records).to.have.length(12);
    expect(value).to.include({ ok: false, phase: "polling" });
    expect(code).to.equal(1);
  });

  describe("in a terminal", () => {
    /** Matches the row of the selected person. */
    const selected = (name: string) => new RegExp(`> \\u001b\\[7m${name}`);

    before(function () {
      skipOnWindows(this, "only Unix gives a program a terminal through script");
      requireTool(this, "script", "bsdutils");
    });

    function watchInTerminal(...uris: readonly string[]): CliRun {
      return harness.launchInTerminal(["watch", ...uris], { columns: 100, rows: 24 });
    }

    it("refreshes the person under the cursor, and says what has changed", async () => {
      await harness.writeSettings("WebexPresence.RequestsPerMinute=6");
      const [first, second] = harness.webex
        .people()
        .map(({ displayName, emails }) => ({ displayName, email: emails[0]! }))
        .sort((a, b) => a.displayName.localeCompare(b.displayName));
      for (const { email } of [first!, second!]) harness.webex.setStatus(email, "active");
      const run = watchInTerminal(first!.email, second!.email);
      await run.waitForOutput(new RegExp(`${second!.displayName} .*● available`));
      harness.webex.setStatus(second!.email, "call");
      run.type("\u001b[B");
      await run.waitForOutput(selected(second!.displayName));
      run.type("f");
      const answer = `${second!.displayName} ● available → ♪ on a call`;
      await run.waitForOutput(new RegExp(`Refreshed in \\d\\.\\d s: ${answer}`));
      run.type("q");
      expect((await run.ended()).code).to.equal(0);
    });

    it("finds a person by / and by their state, and shows everyone again at Esc", async () => {
      const people = harness.webex.people();
      for (const { emails } of people) harness.webex.setStatus(emails[0]!, "active");
      const person = people[4]!;
      harness.webex.setStatus(person.emails[0]!, "meeting");
      const run = watchInTerminal();
      await run.waitForOutput(/12 people/);
      // No key of the text is a command.
      run.type(`/${person.displayName.toLowerCase()} sfq`);
      await run.waitForOutput(/Search: .* sfq█.*0 of 12 people/);
      await run.waitForOutput(/Nobody matches\./);
      run.type("\u007f\u007f\u007f\u007f\r");
      await run.waitForOutput(selected(person.displayName));
      await run.waitForOutput(/1 of 12 people.*Esc: everyone/);
      run.type("ss");
      await run.waitForOutput(/State: ■ in a meeting.*1 of 12 people/);
      run.type("\u001b");
      // The heading moves up to where the search was.
      // eslint-disable-next-line no-control-regex -- a position and a style
      await run.waitForOutput(/\u001b\[4;1H\u001b\[1m {2}NAME/);
      run.type("?");
      await run.waitForOutput(/search by name or address/);
      run.type("xq");
      expect((await run.ended()).code).to.equal(0);
    });

    it("says why a person was not refreshed", async () => {
      await harness.writeSettings("WebexPresence.Enable=0");
      const run = watchInTerminal("ada@example.com", "bo@example.com");
      await run.waitForOutput(selected("ada@example.com"));
      run.type("\u001b[6~");
      await run.waitForOutput(selected("bo@example.com"));
      run.type("f");
      await run.waitForOutput(/bo@example\.com was not refreshed: the worker is disabled\./);
      run.type("q");
      expect((await run.ended()).code).to.equal(0);
    });
  });
});
