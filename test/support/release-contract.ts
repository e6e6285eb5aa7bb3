import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "mocha";
import { expect } from "chai";

import { WebexSimulator } from "../../simulator/webex-simulator.js";
import type { JsonOutput } from "./cli-harness.js";
import { ReleaseHost, runProgram, type ProgramLaunch } from "./release-host-fixture.js";
import type { Status } from "./worker-harness.js";

/**
 * A release folder on a system that has no Node.js of its own. Paths are as its processes see them.
 */
export interface InstalledRelease {
  /** The product's own folder. */
  readonly folder: string;
  readonly settingsPath: string;
  /** The log folder without an option, as this process sees it. */
  readonly logFolder: string;
  /** Starts release-host-program.js with the runtime of the folder. */
  readonly hostProgram: ProgramLaunch;
  /** Runs the command line as an administrator does. */
  commandLine(args: readonly string[]): ProgramLaunch;
  writeSettings(text: string): Promise<void>;
  /** Moves the folder away and unpacks the archive anew, as for an upgrade. */
  replaceFolder(): Promise<void>;
  /** Removes what the worker has stored in the keychain. */
  clearKeychain(): Promise<void>;
  remove(): Promise<void>;
}

/** The archive that `npm run release` makes for a system, such as `win-x64.zip`. */
export function releaseArchive(suffix: string): string {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  return `release/ucx-webex-presence-${version}-${suffix}`;
}

/** Skips a suite, and reports that, if there is no archive; with CI=true, fails it instead. */
export function requireArchive(context: Context, suffix: string): string {
  const archive = releaseArchive(suffix);
  if (existsSync(archive)) return archive;
  const message = `SKIPPED: there is no ${archive}. \`npm run release\` makes it.`;
  if (process.env.CI === "true") throw new Error(message);
  process.stderr.write(`${message}\n`);
  return context.skip();
}

/** What a release folder does on a system that has nothing else, with the system's own keychain. */
export function describeRelease(
  title: string,
  timeoutMs: number,
  install: (context: Context) => InstalledRelease | Promise<InstalledRelease>,
): void {
  describe(title, function () {
    this.timeout(timeoutMs);
    let release: InstalledRelease | null = null;
    let webex: WebexSimulator;
    let host: ReleaseHost | null = null;

    before(async function () {
      release = await install(this);
    });

    beforeEach(async () => {
      await installed().clearKeychain();
      webex = new WebexSimulator({
        organizations: [{ name: "Example Ltd", persons: 12, seed: 7 }],
      });
      await webex.start();
      await writeSettings(0);
    });

    afterEach(async () => {
      await host?.stop();
      host = null;
      await webex.stop();
    });

    after(async () => {
      await release?.clearKeychain();
      await release?.remove();
    });

    it("is launched from its manifest, and restores presence after kill -9 without asking anybody", async () => {
      host = await startHost();
      const orgId = await authorize(host);
      await presenceBecomes(host, "call", "onCall");
      const before = await statusOf(host);
      const mark = webex.mark();

      expect(await host.killWorker()).to.deep.equal({ attempt: 1, delaySeconds: 1 });

      await presenceBecomes(host, "meeting", "inMeeting");
      const after = await statusOf(host);
      expect(after.pid).to.not.equal(before.pid);
      expect(after.problems).to.deep.equal([]);
      expect(after.organizations.map((each) => each.orgId)).to.deep.equal([orgId]);
      expectNoAuthorizationSince(mark);
    });

    it("keeps authorization, settings and log when the folder is replaced", async () => {
      host = await startHost();
      await authorize(host);
      await presenceBecomes(host, "call", "onCall");
      await host.stop();
      const mark = webex.mark();
      const [firstRecord = ""] = await readLog();

      await installed().replaceFolder();

      host = await startHost();
      await presenceBecomes(host, "meeting", "inMeeting");
      expect((await statusOf(host)).problems).to.deep.equal([]);
      expectNoAuthorizationSince(mark);
      expect((await readLog())[0]).to.equal(firstRecord);
    });

    it("is authorized and checked with its own command line", async () => {
      const { clientId, clientSecret } = webex.client;
      const { orgId, ...grant } = webex.issueGrant({ orgIndex: 0 });
      const settings = ["--settings", installed().settingsPath];
      await writeSettings(1);
      await command(["secret", "client", ...settings], `${clientId}\n${clientSecret}\n`);
      await command(["import", ...settings], JSON.stringify(grant));

      const { checks } = await command(["doctor", ...settings]);
      expect(checks.filter(({ state }) => state === "failed")).to.deep.equal([]);
      for (const name of ["keychain", "client", "grant", "scopes", "role"])
        expect(checks.find((each) => each.name === name)?.state, name).to.equal("ok");

      await command(["revoke", orgId, ...settings]);
      const { authorizations } = await command(["authorizations", ...settings]);
      expect(authorizations).to.deep.equal([]);
    });

    it("finds itself complete and unchanged", async () => {
      const { checks } = await command(["doctor", "--installation"]);
      expect(checks.length).to.be.greaterThan(0);
      expect(checks.filter(({ state }) => state === "failed")).to.deep.equal([]);
      expect(checks.find(({ name }) => name === "checksums")?.state).to.equal("ok");
    });

    function installed(): InstalledRelease {
      if (release === null) throw new Error("The release is not installed.");
      return release;
    }

    function startHost(): Promise<ReleaseHost> {
      const { folder, settingsPath, hostProgram } = installed();
      const manifestPath = `${folder}/plugin.manifest.json`;
      return ReleaseHost.start(hostProgram, { manifestPath, settingsPath });
    }

    /** Imports a grant and enables presence. Resolves to the organization's id. */
    async function authorize(by: ReleaseHost): Promise<string> {
      const { orgId, ...grant } = webex.issueGrant({ orgIndex: 0 });
      await by.request("authorization/setClient", webex.client);
      await by.request("authorization/import", grant);
      await writeSettings(1);
      return orgId;
    }

    function expectNoAuthorizationSince(mark: number): void {
      for (const path of ["/v1/authorize", "/v1/access_token"])
        expect(webex.requestsSince(mark, { path }), path).to.deep.equal([]);
    }

    async function readLog(): Promise<string[]> {
      const text = await readFile(join(installed().logFolder, "worker.log"), "utf8");
      return text.trim().split("\n");
    }

    /** Runs a command that must succeed. */
    async function command(args: readonly string[], input = ""): Promise<JsonOutput> {
      const launch = installed().commandLine([...args, "--json"]);
      const { code, stdout, stderr } = await runProgram(launch, input);
      expect(code, `${args.join(" ")}: ${stdout}${stderr}`).to.equal(0);
      return JSON.parse(stdout) as JsonOutput;
    }

    async function statusOf(from: ReleaseHost): Promise<Status> {
      return (await from.request("worker/status")) as Status;
    }

    /** Changes somebody's status at Webex, and waits until the worker reports it. */
    async function presenceBecomes(from: ReleaseHost, at: string, expected: string): Promise<void> {
      const uri = webex.people()[0]!.emails[0]!;
      webex.setStatus(uri, at);
      const deadline = Date.now() + timeoutMs / 3;
      for (;;) {
        const record = (await from.request("presence/get", { uri })) as { state: string };
        if (record.state === expected) return;
        if (Date.now() > deadline) {
          const status = JSON.stringify(await statusOf(from), null, 1);
          throw new Error(`${uri} did not become ${expected}. ${JSON.stringify(record)} ${status}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }

    function writeSettings(enable: 0 | 1): Promise<void> {
      const lines = [
        `WebexPresence.Enable=${enable}`,
        `WebexPresence.ApiUrl=${webex.apiUrl}`,
        "WebexPresence.PollIntervalSeconds=5",
        "WebexPresence.Authorize=off",
        "",
      ];
      return installed().writeSettings(lines.join("\r\n"));
    }
  });
}
