import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { frame, parseFrames } from "../support/byte-host-fake.js";

/** Writes what has been required by the time of the first output into a file. */
const RECORD_REQUIRED = `
const { writeFileSync } = require("node:fs");
const { Module } = require("node:module");
const { Socket } = require("node:net");
const { require: load } = Module.prototype;
const { write } = Socket.prototype;
const required = [];
Module.prototype.require = function (name) {
  required.push(name);
  return load.call(this, name);
};
Socket.prototype.write = function (...args) {
  Socket.prototype.write = write;
  writeFileSync(process.env.REQUIRED_FILE, JSON.stringify(required));
  return write.apply(this, args);
};
`;

describe("e2e: the first answer", function () {
  this.timeout(20_000);
  let folder = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "ucx-first-answer-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

  it("waits for no library and for none of Node's modules that take long to load", async () => {
    const preload = join(folder, "record.cjs");
    const list = join(folder, "required.json");
    writeFileSync(preload, RECORD_REQUIRED);
    const options = ["--settings", join(folder, "Presence.ini"), "--secret-store", "memory"];
    const worker = spawn(
      process.execPath,
      ["--require", preload, "dist/worker.cjs", ...options, "--log-dir", join(folder, "log")],
      { env: { ...process.env, REQUIRED_FILE: list }, stdio: ["pipe", "pipe", "ignore"] },
    );
    const query = { jsonrpc: "2.0", id: 1, method: "presence/get", params: { uri: "a@b.example" } };
    worker.stdin.write(frame(JSON.stringify(query)));
    const [output] = (await once(worker.stdout, "data")) as [Buffer];
    expect(parseFrames(output)[0]).to.have.nested.property("result.state", "unknown");
    worker.stdin.end();
    await once(worker, "exit");

    const required = JSON.parse(readFileSync(list, "utf8")) as string[];
    expect(required).to.include("node:fs");
    expect(required.filter((name) => /lib\/|keytar/.test(name))).to.deep.equal([]);
    const slow = /^(node:)?(fs\/promises|https?|tls|crypto|child_process|zlib|dns|readline)/;
    expect(required.filter((name) => slow.test(name))).to.deep.equal([]);
  });
});
