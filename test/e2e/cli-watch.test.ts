import { expect } from "chai";

import { KEYRING_TOOLS, startKeyring, type Keyring } from "../support/keyring.js";
import { requireTool } from "../support/require-tool.js";
import { CliRig } from "./cli-rig.js";

describe("e2e: watch with an authorization", function () {
  this.timeout(60_000);
  let keyring: Keyring;
  let rig: CliRig;

  before(function () {
    for (const [tool, debianPackage] of KEYRING_TOOLS) requireTool(this, tool, debianPackage);
  });

  beforeEach(async () => {
    keyring = await startKeyring();
    rig = await CliRig.start(keyring.env);
    await rig.run(["secret", "client"], rig.clientLines());
    const { orgId: _orgId, ...grant } = rig.webex.issueGrant();
    expect((await rig.run(["import"], JSON.stringify(grant))).code).to.equal(0);
  });

  afterEach(async () => {
    await rig.stop();
    await keyring.stop();
  });

  it("tells whom it was asked for, and each change", async () => {
    const person = rig.webex.people()[2]!;
    const email = person.emails[0]!;
    rig.webex.setStatus(email, "active");
    const watching = rig.launch(["watch", email, "nobody@example.com"]);
    await watching.finds(new RegExp(`${person.displayName} {2}● available`));
    await watching.finds(/nobody@example\.com {2}\? unknown \(not found\)/);
    rig.webex.setStatus(email, "call");
    await watching.finds(/● available → ♪ on call/);
    watching.kill("SIGTERM");
    const { code, stderr } = await watching.ended();
    expect(code, stderr).to.equal(0);
  });

  it("counts everyone when asked for nobody in particular, and tells changes", async () => {
    const email = rig.webex.people()[0]!.emails[0]!;
    rig.webex.setStatus(email, "active");
    const watching = rig.launch(["watch"]);
    await watching.finds(/First sweep done: /);
    rig.webex.setStatus(email, "DoNotDisturb");
    await watching.finds(/● available → ▬ do not disturb/);
    watching.kill("SIGINT");
    expect((await watching.ended()).code).to.equal(0);
  });

  it("--json tells everyone once", async () => {
    const { code, value } = await rig.json(["watch"]);
    expect(code).to.equal(0);
    expect(value).to.include({ ok: true, phase: "polling" });
    expect(value.records).to.have.length(12);
    const email = rig.webex.people()[0]!.emails[0]!;
    const one = await rig.json(["watch", `sip:${email}`]);
    expect(one.value.records.map(({ uri }) => uri)).to.deep.equal([`sip:${email}`]);
    expect(one.value.records[0]!.observedAt).to.not.equal(null);
  });

  it("--json is wrong, as status is, while a problem of severity error stands beside the presence it shows", async () => {
    const { orgId: _orgId, ...grant } = rig.webex.issueGrant({ scopes: ["spark-admin:people_read"] });
    expect((await rig.run(["import"], JSON.stringify(grant))).code).to.equal(0);
    const { code, value } = await rig.json(["watch"]);
    expect(value.records).to.have.length(12);
    expect(value).to.include({ ok: false, phase: "polling" });
    expect(code).to.equal(1);
  });
});
