import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { expect } from "chai";

import { ClientError } from "../../../src/client/errors.js";
import { readManifest } from "../../../src/client/manifest.js";

const WORKER = {
  command: "runtime/node",
  args: ["dist/worker.cjs"],
  settingsArgument: "--settings",
  hostPidArgument: "--host-pid",
  transport: "stdio",
  framing: "content-length",
  protocolVersion: "1.1",
  restart: { policy: "on-failure", delaysSeconds: [1, 5, 30] },
};

describe("client/manifest", () => {
  let folder: string;
  let path: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-manifest-"));
    path = join(folder, "plugin.manifest.json");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function read(manifest: unknown) {
    writeFileSync(path, typeof manifest === "string" ? manifest : JSON.stringify(manifest));
    return readManifest(path);
  }

  it("reads one with a byte order mark", () => {
    const manifest = { manifestVersion: 1, worker: WORKER };
    expect(read(`\ufeff${JSON.stringify(manifest)}`).args).to.deep.equal(WORKER.args);
  });

  it("reads the project's own", () => {
    const { folder, command, args, restart } = readManifest("plugin.manifest.json");
    expect({ folder, command, args }).to.deep.equal({
      folder: process.cwd(),
      command: "node",
      args: ["dist/worker.cjs"],
    });
    expect(restart).to.deep.equal({ policy: "on-failure", delaysSeconds: [1, 5, 30] });
  });

  it("makes a command with a slash absolute, and leaves others to the PATH", () => {
    const { command } = read({ manifestVersion: 1, worker: WORKER });
    expect(command).to.equal(resolve(folder, "runtime/node"));
    const named = read({ manifestVersion: 1, worker: { ...WORKER, command: "node" } });
    expect(named.command).to.equal("node");
  });

  const worker = (changes: object) => ({ manifestVersion: 1, worker: { ...WORKER, ...changes } });
  const refusals: readonly [title: string, manifest: unknown, reason: RegExp][] = [
    ["a text that is not JSON", "{", /it is not JSON/],
    ["a list", [], /not a plugin manifest of version 1/],
    ["another version", { manifestVersion: 2, worker: WORKER }, /not a plugin manifest of version/],
    ["a manifest without a worker", { manifestVersion: 1 }, /not a plugin manifest of version 1/],
    ["another transport", worker({ transport: "pipe" }), /requires pipe and content-length/],
    ["another framing", worker({ framing: "lines" }), /requires stdio and lines/],
    ["a worker without a command", worker({ command: "" }), /worker\.command is not a text/],
    ["arguments that are no texts", worker({ args: [1] }), /worker\.args is not a list of texts/],
    ["a worker without a policy", worker({ restart: {} }), /worker\.restart has no policy/],
    [
      "delays in words",
      worker({ restart: { policy: "on-failure", delaysSeconds: ["1"] } }),
      /delay/,
    ],
  ];
  for (const [title, manifest, reason] of refusals) {
    it(`refuses ${title}, and says what that means`, () => {
      expect(() => read(manifest))
        .to.throw(ClientError, reason)
        .that.has.property("code", "manifestInvalid");
      expect(() => read(manifest)).to.throw(`launched from ${path}`);
      expect(() => read(manifest)).to.throw("Presence stays unknown. Check the path");
    });
  }

  it("refuses a file that does not exist", () => {
    expect(() => readManifest(join(folder, "none.json"))).to.throw(ClientError, /ENOENT/);
  });
});
