import { once } from "node:events";
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { expect } from "chai";
import { unzipSync } from "fflate";

import type { SimulatedPerson } from "../../simulator/people-factory.js";
import { FIRST_NAMES, LAST_NAMES } from "../../simulator/names.js";
import { CliRun, type CliResult } from "../support/cli-harness.js";
import { KEYRING_TOOLS, startKeyring, type Keyring } from "../support/keyring-fixture.js";
import { requireTool } from "../support/required-tool-fixture.js";
import { findSecrets } from "../support/secret-search-fixture.js";
import { IS_WINDOWS, skip, skipOnWindows } from "../support/windows-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const CLI = "dist/cli.cjs";
const NAMES = ["Zoë Çelik-O'Neil", "Łukasz Grønbæk", "山田太郎", "Ada Lovelace", "Θεοδώρα"];
const ADDRESSES = [
  "zoe.celik@praxis.example",
  "łukasz@bücher.example",
  "ada.lovelace@math.example",
];
const PASSWORD = 'planted "pass\\word" & 100% +/=';
const TOKEN = "TjQ4Zm9vYmFyLXRva2VuLXBsYW50ZWQ_PF84_1eb65fdf-9643-417f-9974-ad72cae0e10f";
const JWT = [
  "eyJhbGciOiJSUzI1NiJ9",
  Buffer.from(`{"sub":"${ADDRESSES[0]}"}`).toString("base64url"),
  "c2lnbmF0dXJl",
].join(".");
const ORGANIZATION = "Praxis Dr. Zoë Çelik";
/** The name of an organization that consists of words of the product. */
const KNOWN_WORDS = "Grant Page";

/** With escapes of JSON for the code units that a pattern matches. */
function escapeAs(pattern: RegExp, text: string): string {
  return text.replace(pattern, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A word of a name or an address, in every way in which it may be written. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text, "utf8");
  return [
    ...[text, text.normalize("NFD"), encodeURIComponent(text)],
    encodeURIComponent(encodeURIComponent(text)),
    JSON.stringify(text).slice(1, -1),
    escapeAs(/[^ -~]/g, text),
    bytes.toString("hex"),
    // What is shorter may occur by chance.
    ...(bytes.length < 6
      ? []
      : [0, 1, 2].flatMap((offset) => {
          const base64 = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
          const core = base64.replace(/=+$/, "").slice(offset === 0 ? 0 : offset + 1, -1);
          return [core, core.replaceAll("+", "-").replaceAll("/", "_")];
        })),
  ];
}

/** The planted words that a text contains in any form and any case. */
function findPersonal(text: string, planted: Iterable<string>): string[] {
  const folded = text.normalize("NFC").toLowerCase();
  return [...new Set(planted)].filter((word) =>
    formsOf(word).some((form) => {
      const at = folded.indexOf(form.normalize("NFC").toLowerCase());
      if (at === -1) return false;
      // "Ada" is in "metadata".
      const neighbors = folded.slice(Math.max(0, at - 1), at) + folded.charAt(at + form.length);
      return word.length > 4 || !/\p{L}/u.test(neighbors);
    }),
  );
}

/** The whole texts and their parts of at least three letters. */
function wordsOf(texts: readonly string[]): string[] {
  const parts = texts.flatMap((text) => text.match(/[\p{L}\p{M}]{3,}/gu) ?? []);
  return [...texts, ...parts].filter((word) => !/^(example|praxis|math)$/i.test(word));
}

async function readBundle(path: string): Promise<Map<string, string>> {
  const files = unzipSync(await readFile(path));
  return new Map(
    Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString("utf8")]),
  );
}

async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<CliResult> {
  const command = [process.execPath, CLI, "support-bundle", ...args] as const;
  return new CliRun(command, { env, input: "", output: [] }).ended();
}

describe("e2e: support-bundle", function () {
  this.timeout(90_000);
  let folder: string;
  const out = (name = "bundle.zip"): string => join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-bundle-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("keeps no word that is a name of the simulated people, or of examples", async () => {
    const words = new Set((await readFile("dist/assets/own-words.txt", "utf8")).split("\n"));
    expect(words.size).to.be.greaterThan(3_000);
    const examples = ["Ada", "Lovelace", "Grant", "Page", "Max", "Power", "Winston"];
    const all = [...FIRST_NAMES, ...LAST_NAMES, ...examples];
    const names = all.flatMap((name) => name.split(/[ '-]/));
    expect(names.filter((name) => name.length > 2 && words.has(name))).to.deep.equal([]);
  });

  describe("of a worker that has seen secrets, names and addresses", () => {
    let keyring: Keyring;
    let harness: WorkerHarness;

    before(function () {
      if (process.platform !== "linux") skip(this, "the keyring is that of Linux");
      for (const [tool, debianPackage] of KEYRING_TOOLS) requireTool(this, tool, debianPackage);
    });
    beforeEach(async () => {
      keyring = await startKeyring();
    });
    afterEach(async () => {
      await harness.stop();
      await keyring.stop();
    });

    it("contains none of them in any form, from no source", async () => {
      const env = {
        ...keyring.env,
        USER: "lukasz-gronbaek",
        HTTPS_PROXY: `http://lukasz:${encodeURIComponent(PASSWORD)}@127.0.0.1:9`,
      };
      // Two organizations with the same people: at debug, the log names their addresses.
      const organization = { persons: 12, seed: 7, domain: "praxis.example" };
      harness = await WorkerHarness.startPolling({
        organizations: [
          { name: ORGANIZATION, ...organization },
          { name: KNOWN_WORDS, ...organization },
        ],
        secretStore: "keychain",
        ini: ["WebexPresence.RequestsPerMinute=600"],
        extraArgs: ["--log-level", "debug"],
        env,
      });
      const { webex } = harness;
      const people = webex.people();
      const persons = people.flatMap(({ displayName, emails }) => [displayName, ...emails]);
      await harness.host.request("presence/subscribe", {
        uris: persons.filter((p) => p.includes("@")),
      });
      // Errors of others that name people and repeat secrets.
      const texts = [...NAMES, ...ADDRESSES, ...persons.slice(0, 4), PASSWORD, JWT, TOKEN];
      for (let at = 0; at < texts.length; at += 4) {
        const message = `Denied for ${texts.slice(at, at + 4).join(", ")}.`;
        webex.fail({ kind: "status", status: 403, body: { message }, path: "/v1/people" });
        await harness.host.request("worker/poll");
        await harness.waitFor(
          "the refusal",
          () => (webex.faults.length === 0 ? true : null),
          15_000,
        );
      }
      await harness.host.request("worker/poll");
      await harness.waitForSweep(Date.now(), 15_000);
      await writeFile(harness.settingsPath, await settingsWithPlants(harness), { flag: "a" });
      await harness.host.shutdown();
      await plantInFiles(harness.logDirectory, people);

      const args = ["--settings", harness.settingsPath, "--log-dir", harness.logDirectory];
      const { code, stdout, stderr } = await run([...args, "--out", out(), "--json"], env);
      expect(code, stderr).to.equal(0);
      const result = JSON.parse(stdout) as {
        path: string;
        files: string[];
        replaced: Record<string, number>;
      };
      const files = await readBundle(result.path);
      expect([...files.keys()]).to.deep.equal(result.files);
      expect(result.files.slice(0, 2)).to.deep.equal(["README.txt", "log/last-start.log"]);
      expect(result.files).to.include.members([
        "doctor.json",
        "status.json",
        "settings.txt",
        "learned.json",
        "versions.json",
        "log/worker.1.log",
      ]);
      // What the search relies on: the sources contained the plants.
      const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
      expect(log).to.include("Two Webex organizations have this address");
      expect(findPersonal(log, wordsOf(texts)).length).to.be.greaterThan(10);
      expect(result.replaced).to.include.keys("address", "organization", "text", "person");

      const { username } = userInfo();
      const accounts = ["lukasz-gronbaek", ...(username === "root" ? [] : [username])];
      const personal = [
        ...wordsOf([...NAMES, ...ADDRESSES, ...persons, ORGANIZATION, ...accounts]),
        KNOWN_WORDS,
      ];
      const secrets = [...webex.issuedSecrets, PASSWORD, TOKEN, JWT, webex.client.clientSecret];
      const basic = Buffer.from(`lukasz:${PASSWORD}`).toString("base64");
      for (const [name, text] of [...files, ["the output", stdout + stderr]] as const) {
        expect(findSecrets(text, [...secrets, basic]), name).to.deep.equal([]);
        expect(findPersonal(text, personal), name).to.deep.equal([]);
      }
      // It is still of use: the problem comes first, and one person has one placeholder.
      const readme = files.get("README.txt") ?? "";
      expect(readme).to.match(/THE LAST PROBLEM/);
      const lastStart = (files.get("log/last-start.log") ?? "").split("\n");
      expect(lastStart[0]).to.include("The worker is starting.");
      const collisions = lastStart.filter((line) => line.includes("Two Webex organizations"));
      expect(collisions.length).to.be.greaterThan(5);
      expect(new Set(collisions.map((line) => /\[address \d+\]/.exec(line)?.[0])).size).to.equal(
        collisions.length,
      );
      expect(files.get("status.json")).to.include(webex.organizations[0]?.id);
      expect(files.get("settings.txt")).to.include("line 1    WebexPresence.Enable = 1");
    });
  });

  it("works without settings, log folder, keychain and network, for this account alone", async () => {
    const env = {
      ...process.env,
      DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent",
      // Words of the product, whose placeholders would make its messages illegible.
      HTTPS_PROXY: "http://presence:proxy@127.0.0.1:9",
    };
    const args = ["--settings", join(folder, "none.ini"), "--log-dir", join(folder, "none")];
    const { code, stdout, stderr } = await run([...args, "--out", out()], env);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^Wrote .*bundle\.zip \(\d+ KB\)\./);
    if (!IS_WINDOWS) expect((await stat(out())).mode & 0o777).to.equal(0o600);
    const files = await readBundle(out());
    expect([...files.keys()][0]).to.equal("README.txt");
    expect(files.get("README.txt")).to.include("There is no log in the folder.");
    expect(files.get("README.txt")).to.include("doctor.json").and.not.include("status.json  ");
    expect(files.get("settings.txt")).to.include("It cannot be read: ENOENT");
    expect(files.get("doctor.txt")).to.match(/settings/);
    expect(files.get("doctor.txt"))
      .to.match(/proxy/)
      .and.not.match(/\[(secret|user)/);
  });

  it("replaces no file, follows no link, and leaves nothing half written", async function () {
    await writeFile(out(), "mine");
    const existing = await run(["--settings", "x.ini", "--out", out()]);
    expect(existing.code).to.equal(1);
    expect(existing.stderr).to.match(/exists already.*\n.*--out/);
    expect(await readFile(out(), "utf8")).to.equal("mine");

    const empty = await run(["--out", ""]);
    expect(empty).to.include({ code: 2, stdout: "" });
    expect(empty.stderr).to.contain("--out names no file.");
    const missing = await run(["--out", join(folder, "no", "b.zip"), "--json"]);
    expect(missing.code).to.equal(1);
    expect(JSON.parse(missing.stdout)).to.have.nested.property("error.code", "fileNotWritten");
    skipOnWindows(this, "a link needs a privilege, and there is no /dev/full");
    await symlink(join(folder, "elsewhere"), out("link.zip"));
    const link = await run(["--out", out("link.zip")]);
    expect(link.code).to.equal(1);
    expect(link.stderr)
      .to.match(/is a folder, a link or a device/)
      .and.not.match(/Remove/);
    expect(await readdir(folder)).to.have.members(["bundle.zip", "link.zip"]);
  });

  it("leaves nothing when it is stopped, be it at once", async function () {
    skipOnWindows(this, "Windows has no signals");
    // It holds the command up in doctor, as long as the machine takes for the rest.
    const silent = createServer((socket) => socket.resume().on("error", () => undefined));
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const settings = await mkdtemp(join(tmpdir(), "ucx-bundle-settings-"));
    try {
      const { port } = silent.address() as AddressInfo;
      const ini = join(settings, "Presence.ini");
      await writeFile(ini, `WebexPresence.Proxy=http://127.0.0.1:${port}\n`);
      const args = ["support-bundle", "--settings", ini, "--out", out()];
      for (const signals of [["SIGINT"], ["SIGINT", "SIGTERM"]] as const) {
        const command = new CliRun([process.execPath, CLI, ...args], {
          ...{ env: process.env, input: "", output: [] },
        });
        const deadline = Date.now() + 20_000;
        while (!(await readdir(folder)).includes("bundle.zip")) {
          if (Date.now() > deadline) throw new Error("No file was created.");
          await setTimeout(20);
        }
        for (const signal of signals) void command.stop(signal);
        const { code, stderr } = await command.ended();
        // The second signal may find the first one's work done.
        expect(code).to.be.oneOf(signals.length === 1 ? [1] : [1, 130]);
        if (code === 1) expect(stderr).to.equal("Error: Cancelled. No file was written.\n");
        expect(await readdir(folder)).to.deep.equal([]);
      }
    } finally {
      silent.close();
      await rm(settings, { recursive: true });
    }
  });

  it("removes what it has written when the disk is full", async function () {
    skipOnWindows(this, "limits of the size of a file are Unix's");
    requireTool(this, "prlimit", "util-linux");
    const log = join(folder, "log");
    await mkdir(log);
    await writeFile(join(log, "worker.log"), randomLines(40_000));
    const args = ["--settings", "x.ini", "--log-dir", log, "--out", out()];
    const limited = [
      "prlimit",
      "--fsize=20000",
      process.execPath,
      CLI,
      "support-bundle",
      ...args,
    ] as const;
    const result = new CliRun(limited, { env: process.env, input: "", output: [] });
    const { code, stderr } = await result.ended();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.include("what was written of it has been removed");
    expect(await readdir(folder)).to.deep.equal(["log"]);
  });

  async function settingsWithPlants({ folder: home }: WorkerHarness): Promise<string> {
    const foreign = NAMES.map((name, at) => `Teams.User${at}=${name}\r\nTeams.Password=${TOKEN}`);
    return [
      `WebexPresence.CaFile=${join(home, "home", "ada.lovelace", "root.pem")}`,
      `WebexPresense.Enable=${ADDRESSES[0]}`,
      `WebexPresence.Proxy=http://lukasz:${encodeURIComponent(PASSWORD)}@proxy.example:3128`,
      `WebexPresence.ClientSecret=${TOKEN}`,
      `WebexPresence.LogLevel=Ada Lovelace`,
      `; ${NAMES.join(", ")}`,
      ...["[Teams]", ...foreign, ""],
    ].join("\r\n");
  }

  async function plantInFiles(log: string, people: readonly SimulatedPerson[]): Promise<void> {
    const [{ id, displayName, emails } = people[0]!] = people;
    const records = [...NAMES, ...ADDRESSES, PASSWORD, JWT, TOKEN, displayName].flatMap((text) => [
      { message: text },
      {
        message: `Refused: Bearer ${TOKEN} for ${text}`,
        error: { stack: `Error: ${text}\n    at x (C:\\Users\\Ada Lovelace\\x.js:1:2)` },
      },
      { displayName: text, personId: id, uri: `sip:${emails[0]}` },
      { reason: encodeURIComponent(text), hint: Buffer.from(text).toString("base64") },
      // Split over fields, and as the name of one.
      { first: text.slice(0, text.length / 2), second: text.slice(text.length / 2), [text]: 1 },
      {
        reason: `sip%3A${encodeURIComponent(encodeURIComponent(text))}`,
        url: `http://localhost:8467/?key=${TOKEN}`,
      },
    ]);
    const lines = records.map((record) =>
      JSON.stringify({ time: new Date().toISOString(), level: "error", ...record }),
    );
    // Not from the worker, or cut off.
    const raw = [...NAMES, ...ADDRESSES, TOKEN].map(
      (text) => `{"time":"x","message":"${text} at /home/ada.lovelace/x`,
    );
    const escaped = escapeAs(/[^]/g, NAMES.join(" "));
    const all = [...lines, ...raw, `{"message":"${escaped}`, `{"message":"${escaped}"}`];
    await appendFile(join(log, "worker.log"), `${all.join("\n")}\n`);
    await writeFile(join(log, "worker.1.log"), `${all.join("\n")}\n`);
    for (const name of ["status.json", "learned.json"]) {
      const path = join(log, name);
      const content = JSON.parse(await readFile(path, "utf8")) as object;
      await writeFile(
        path,
        JSON.stringify({ ...content, planted: [...NAMES, ...ADDRESSES, TOKEN], [NAMES[0]!]: JWT }),
      );
      await chmod(path, 0o600);
    }
  }
});

/** Text that hardly compresses. */
function randomLines(count: number): string {
  const lines = Array.from({ length: count }, (_, at) =>
    JSON.stringify({ message: "The worker is starting.", at: Math.sin(at), more: Math.cos(at) }),
  );
  return `${lines.join("\n")}\n`;
}
