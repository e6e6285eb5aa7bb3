import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { pathToFileURL } from "node:url";

import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "chai";

import { ReferenceHost } from "../../simulator/reference-host.js";

const MANIFEST = "plugin.manifest.json";

function read(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
}

describe("plugin.manifest.json", () => {
  type Tree = Record<string, Record<string, unknown>>;
  const schema = read("plugin.manifest.schema.json");
  const validate = new Ajv2020({ allErrors: true }).compile(schema);

  it("conforms to its schema", () => {
    expect(validate(read(MANIFEST)), JSON.stringify(validate.errors)).to.equal(true);
  });

  it("has the version of the package and the protocol version of the worker", () => {
    expect(read(MANIFEST)).to.include({
      version: read("package.json").version,
      rpc: "openrpc.json",
    });
    expect(read(MANIFEST)).to.have.nested.property("worker.protocolVersion", "1.1");
  });

  it("names the program on the host's PATH, and in a release the runtime of its folder", async () => {
    const { manifestText } = (await import(
      pathToFileURL(join(process.cwd(), "scripts", "manifest.mjs")).href
    )) as { manifestText: (options?: { command: string }) => Promise<string> };
    expect(await manifestText()).to.equal(readFileSync(MANIFEST, "utf8"));
    const expected = read(MANIFEST) as Tree;
    expect(expected.worker).to.include({ command: "node" });
    expected.worker!.command = "runtime/node.exe";
    const released = JSON.parse(await manifestText({ command: "runtime/node.exe" })) as unknown;
    expect(released).to.deep.equal(expected);
    expect(validate(released), JSON.stringify(validate.errors)).to.equal(true);
  });

  const mutations: Record<string, (manifest: Tree) => unknown> = {
    "another manifest version": (m) => Object.assign(m, { manifestVersion: 2 }),
    "no id": (m) => delete m.id,
    "an id with spaces": (m) => Object.assign(m, { id: "Webex presence" }),
    "an invalid version": (m) => Object.assign(m, { version: "latest" }),
    "an invalid season": (m) => Object.assign(m.host!, { minimumVersion: "2021.Sommer.3" }),
    "no worker": (m) => delete m.worker,
    "a worker without a command": (m) => delete m.worker!.command,
    "a command without a name": (m) => Object.assign(m.worker!, { command: "" }),
    "a command with backslashes": (m) => Object.assign(m.worker!, { command: "runtime\\node.exe" }),
    "arguments in one text": (m) => Object.assign(m.worker!, { args: "dist/worker.cjs" }),
    "another transport": (m) => Object.assign(m.worker!, { transport: "socket" }),
    "another framing": (m) => Object.assign(m.worker!, { framing: "lines" }),
    "an invalid restart policy": (m) => Object.assign(m.worker!.restart!, { policy: "sometimes" }),
    "no restart delays": (m) => Object.assign(m.worker!.restart!, { delaysSeconds: [] }),
    "a settings key of an unknown type": (m) =>
      Object.assign(m.settings!, {
        keys: [{ name: "WebexPresence.Enable", type: "switch", description: "x" }],
      }),
    "a settings key whose default is null": (m) =>
      Object.assign(m.settings!, {
        keys: [{ name: "WebexPresence.Enable", type: "boolean", default: null, description: "x" }],
      }),
    "no settings keys": (m) => Object.assign(m.settings!, { keys: [] }),
    "an unencrypted address": (m) => Object.assign(m, { network: ["http://webexapis.com"] }),
    "an unknown member": (m) => Object.assign(m, { autostart: true }),
  };
  for (const [what, mutate] of Object.entries(mutations)) {
    it(`does not conform with ${what}`, () => {
      const manifest = read(MANIFEST) as Tree;
      mutate(manifest);
      expect(validate(manifest)).to.equal(false);
    });
  }
});

describe("a folder with the files of the package and its one dependency", function () {
  this.timeout(20_000);
  let folder: string;
  let host: ReferenceHost;

  before(async () => {
    // With spaces and a non-ASCII letter. Compare "C:\Program Files (x86)".
    folder = mkdtempSync(join(tmpdir(), "ucx plugin é "));
    const { files } = read("package.json") as { files: string[] };
    // Not cpSync: on Windows, that of Node 22 garbles a path with other letters than ASCII's.
    for (const path of [...files, "node_modules/keytar"])
      await cp(path, join(folder, path), { recursive: true, dereference: true });
    writeFileSync(join(folder, "Presence.ini"), "WebexPresence.Enable=0\r\n");
    host = new ReferenceHost({
      manifestPath: join(folder, MANIFEST),
      settingsPath: join(folder, "Presence.ini"),
      extraArgs: ["--secret-store", "memory", "--log-dir", join(folder, "log")],
      restart: false,
    });
  });

  after(async () => {
    await host.shutdown();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  it("launches from its manifest and finds its files", async () => {
    await host.start();
    const [disabled, description] = await Promise.all([
      host.nextNotification(
        "worker/statusChanged",
        (status) => (status as { phase: string }).phase === "disabled",
      ),
      host.request("rpc.discover"),
    ]);
    expect(description).to.deep.equal(read("openrpc.json"));
    expect(disabled).to.deep.include({
      version: read("package.json").version,
      secretStore: "memory",
    });
    expect(await host.request("presence/get", { uri: "sip:a@example.com" })).to.include({
      state: "unknown",
      reason: "disabled",
    });
    expect(host.manifest.folder).to.equal(folder);
  });

  it("contains the keychain library for each platform", () => {
    const library = createRequire(join(folder, "dist", "worker.cjs")).resolve("keytar");
    expect(library.startsWith(folder + sep)).to.equal(true);
    for (const system of ["win32-x64", "darwin-arm64", "linux-x64"]) {
      expect(
        existsSync(join(folder, "node_modules", "keytar", "prebuilds", system, "keytar.node")),
        system,
      ).to.equal(true);
    }
  });

  it("writes its log and its status, and exits with 0", async () => {
    expect(await host.shutdown()).to.deep.equal({ code: 0, signal: null });
    const [first = ""] = readFileSync(join(folder, "log", "worker.log"), "utf8").split("\n");
    expect(JSON.parse(first)).to.include.keys("time", "level", "message");
    expect(read(join(folder, "log", "status.json"))).to.include({ phase: "stopping" });
  });
});
