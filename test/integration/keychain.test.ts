import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";

import { KeytarStore } from "../../src/platform/secret-store.js";
import { faultOf } from "../support/http-fixture.js";
import { KEYRING_TOOLS, type Keyring, startKeyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";

const codeOf = async (call: Promise<unknown>): Promise<string> => (await faultOf(call)).code;

describe("KeytarStore on a real keyring", function () {
  this.timeout(60_000);
  let keyring: Keyring;
  const open = (): KeytarStore =>
    new KeytarStore({ account: "svc", platform: "linux", environment: keyring.env });

  before(function () {
    const tools = [...KEYRING_TOOLS, ["secret-tool", "libsecret-tools"]] as const;
    for (const [tool, debianPackage] of tools) requireTool(this, tool, debianPackage);
  });
  beforeEach(async () => {
    keyring = await startKeyring();
  });
  afterEach(() => keyring.stop());

  it("saves a value where secret-tool finds it, and splits one of 10 KB", async () => {
    const store = open();
    await store.set("client", '{"version":1}');
    expect(await keyring.lookup("client")).to.equal('{"version":1}');
    const value = JSON.stringify({ version: 1, text: "𝄞".repeat(2_560) });
    await store.set("grant:o", value);
    expect(await keyring.lookup("grant:o")).to.match(/^split:a:\d+:/);
    expect(await open().get("grant:o")).to.equal(value);
    await store.delete("grant:o");
    expect(await keyring.lookup("grant:o#a.0")).to.equal(null);
    expect(await keyring.lookup(`probe:${process.pid}`)).to.equal(null);
  });

  it("reports a locked keyring, and recovers when it is unlocked", async () => {
    const store = open();
    await store.set("client", "x");
    await keyring.lock();
    expect(await codeOf(store.get("client"))).to.equal("keychainLocked");
    expect(await codeOf(store.set("client", "y"))).to.equal("keychainLocked");
    expect(await codeOf(store.delete("client"))).to.equal("keychainLocked");
    await keyring.unlock();
    expect(await store.get("client")).to.equal("x");
  });

  it("times out on a frozen keyring after 3 s, and recovers", async () => {
    const store = open();
    await store.set("client", "x");
    keyring.freeze();
    const started = Date.now();
    expect(await codeOf(store.get("client"))).to.equal("keychainUnavailable");
    expect(Date.now() - started).to.be.within(2_900, 4_500);
    keyring.unfreeze();
    expect(await store.get("client")).to.equal("x");
  });

  it("reconnects after the daemon was restarted", async () => {
    const store = open();
    await store.set("client", "x");
    await keyring.stopDaemon();
    expect(await codeOf(store.get("client"))).to.equal("keychainUnavailable");
    await keyring.startDaemon();
    expect(await store.get("client")).to.equal("x");
    await keyring.unlock();
    expect(await store.get("client")).to.equal("x");
  });

  it("reports a missing bus, and recovers when it is back", async () => {
    const store = open();
    await store.set("client", "x");
    await keyring.stopBus();
    expect(await codeOf(store.get("client"))).to.equal("keychainUnavailable");
    await keyring.startBus();
    await keyring.unlock();
    expect(await store.get("client")).to.equal("x");
  });

  it("reports that keytar is not installed, and recovers when it is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ucx-product-"));
    const [, program = ""] = process.argv;
    try {
      process.argv[1] = join(folder, "program.cjs");
      await writeFile(process.argv[1], "");
      await mkdir(join(folder, "node_modules"));
      const store = open();
      const fault = await faultOf(store.set("client", "x"));
      expect(fault.message).to.include("library cannot be loaded");
      await symlink(resolve("node_modules", "keytar"), join(folder, "node_modules", "keytar"));
      await store.set("client", "x");
      expect(await keyring.lookup("client")).to.equal("x");
    } finally {
      process.argv[1] = program;
      await rm(folder, { recursive: true });
    }
  });

  it("verifies in several processes at the same time", async () => {
    const script = storeScript(`
      const store = new KeytarStore({ account: "svc", platform: "linux" });
      for (let i = 0; i < 10; i += 1) if ((await store.get("absent:" + i)) !== null) process.exit(1);
    `);
    const codes = await Promise.all([1, 2, 3].map(() => runScript(script, keyring.env)));
    expect(codes).to.deep.equal([0, 0, 0]);
  });

  it("lets the process end while a keyring is frozen", async () => {
    keyring.freeze();
    const script = storeScript(`
      const store = new KeytarStore({ account: "svc", platform: "linux" });
      void store.get("client").catch(() => undefined);
      setTimeout(() => process.exit(7), 300);
    `);
    const started = Date.now();
    expect(await runScript(script, keyring.env)).to.equal(7);
    expect(Date.now() - started).to.be.below(3_000);
  });

  it("reads and writes the same entries in the process itself, as on Windows", async () => {
    const script = storeScript(`
      const store = new KeytarStore({ account: "svc", platform: "windows" });
      await store.set("grant:o", "v".repeat(6000));
      if ((await store.get("grant:o")) !== "v".repeat(6000) || (await store.get("absent")) !== null) process.exit(1);
    `);
    expect(await runScript(script, keyring.env)).to.equal(0);
    expect(await open().get("grant:o")).to.equal("v".repeat(6000));
  });

  it("does not keep the process alive", async () => {
    const script = storeScript(
      `await new KeytarStore({ account: "svc", platform: "linux" }).set("client", "x");`,
    );
    const started = Date.now();
    expect(await runScript(script, keyring.env)).to.equal(0);
    expect(Date.now() - started).to.be.below(4_500);
  });
});

/** A program that uses the store. */
function storeScript(body: string): string {
  const module = new URL("../../src/platform/secret-store.js", import.meta.url).href;
  return `const { KeytarStore } = await import(${JSON.stringify(module)});\n${body}`;
}

async function runScript(script: string, env: Record<string, string>): Promise<number | null> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}
