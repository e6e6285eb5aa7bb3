import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { closedPort } from "./http-fixture.js";

/** A real tinyproxy on a free loopback port. */
export class TestProxy {
  readonly port: number;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(port: number, folder: string, process: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#process = process;
  }

  /** With credentials (letters and digits only), it requires them. */
  static async start(credentials?: { user: string; password: string }): Promise<TestProxy> {
    const port = await closedPort();
    const folder = mkdtempSync(join(tmpdir(), "ucx-proxy-"));
    const lines = [
      `Port ${port}`,
      "Listen 127.0.0.1",
      "Timeout 30",
      `LogFile "${join(folder, "log")}"`,
      "LogLevel Connect",
      "MaxClients 20",
    ];
    if (credentials !== undefined)
      lines.push(`BasicAuth ${credentials.user} ${credentials.password}`);
    writeFileSync(join(folder, "conf"), `${lines.join("\n")}\n`);
    const process = spawn("tinyproxy", ["-d", "-c", join(folder, "conf")], { stdio: "ignore" });
    const proxy = new TestProxy(port, folder, process);
    for (let tries = 0; !(await listens(port)); tries += 1) {
      if (tries > 100 || process.exitCode !== null) {
        process.kill("SIGKILL");
        throw new Error("tinyproxy did not start");
      }
      await pause(50);
    }
    return proxy;
  }

  /** The requests received: `CONNECT host:port` and `GET http://…` lines. */
  get requests(): string[] {
    const log = readFileSync(join(this.#folder, "log"), "utf8");
    return [...log.matchAll(/Request \(file descriptor \d+\): (.*) HTTP\/1\.1/g)].map(
      (match) => match[1] ?? "",
    );
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
