import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { Registry } from "../support/registry-fixture.js";

const fromScripts = (name: string): Promise<unknown> =>
  import(pathToFileURL(join(process.cwd(), "scripts", name)).href);
const { bundledPackages } = (await fromScripts("bundled-packages.mjs")) as {
  bundledPackages: () => Promise<Map<string, unknown>>;
};
const { RUNTIMES } = (await fromScripts("release/runtimes.mjs")) as {
  RUNTIMES: Record<string, { package: string; version: string }>;
};
interface Metadata {
  readonly name: string;
  readonly version: string;
}

describe("npm run audit", function () {
  this.timeout(60_000);
  let folder = "";
  let registry: Registry;
  let shipped: Metadata[];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "ucx-audit-test-"));
    shipped = [...(await bundledPackages()).keys()].map(
      (path) => JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Metadata,
    );
    const runtimes = Object.values(RUNTIMES).map(({ package: name, version }) => ({
      name,
      version,
    }));
    const newer = { name: RUNTIMES["linux-x64"]!.package, version: "24.999.0" };
    registry = await Registry.start([...shipped, ...runtimes, newer]);
  });
  after(() => {
    registry.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  function audit(env: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
    const environment = { ...process.env, ...registry.environment(join(folder, "npm")), ...env };
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        ["scripts/audit.mjs"],
        { env: environment },
        (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
      );
    });
  }

  it("asks for exactly the versions that ship, and says that none is vulnerable", async () => {
    const { code, output } = await audit();
    expect(code, output).to.equal(0);
    const asked = Object.entries(registry.audited!).flatMap(([name, versions]) =>
      versions.map((version) => `${name} ${version}`),
    );
    const expected = new Set(shipped.map(({ name, version }) => `${name} ${version}`));
    expect(asked.sort()).to.deep.equal([...expected].sort());
    expect(output).to.include(
      `${shipped.length} packages ship: 0 of them have known vulnerabilities.`,
    );
  });

  it("fails for a vulnerable package, also where npm is told not to audit", async () => {
    const agents = shipped.filter(({ name }) => name === "agent-base");
    expect(agents, "two versions, of which one is vulnerable").to.have.lengthOf(2);
    registry.advisories = {
      "agent-base": [
        {
          id: 1,
          url: "https://github.com/advisories/GHSA-0000",
          title: "Sends too much",
          severity: "high",
          vulnerable_versions: "<7.0.0",
        },
      ],
    };
    const { code, output } = await audit({
      npm_config_audit: "false",
      npm_config_omit: "dev optional",
      npm_config_offline: "true",
      NODE_ENV: "production",
    });
    registry.advisories = {};
    expect(code, output).to.equal(1);
    expect(output).to.match(
      /^VULNERABLE: agent-base \(high; node_modules\/axios\/node_modules\/agent-base\): Sends too much https:\S+0000$/m,
    );
  });

  it("says what it leaves out if the registry has no list of vulnerabilities", async () => {
    registry.advisories = null;
    const { code, output } = await audit({ CI: "true" });
    registry.advisories = {};
    expect(code, output).to.equal(0);
    expect(output).to.match(
      /^LEFT OUT: the known vulnerabilities of the \d+ packages that ship, because .*405/m,
    );
    expect(output).to.not.include("of them have known vulnerabilities");
  });

  it("names a runtime of which the registry has a newer version", async () => {
    const { output } = await audit();
    const linux = RUNTIMES["linux-x64"]!;
    expect(output).to.include(
      `Node.js ${linux.version} for linux-x64: OUTDATED: ${linux.package} has 24.999.0.`,
    );
    const windows = RUNTIMES["win-x64"]!;
    expect(output).to.include(
      `Node.js ${windows.version} for win-x64: the newest that ${windows.package} has.`,
    );
  });
});
