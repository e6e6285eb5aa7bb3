import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";

import { waitUntil } from "../support/clock-fake.js";
import { makeCertificates, type TestCertificates } from "../support/certificates-fixture.js";
import { ReadableProduct } from "../support/readable-product-fixture.js";
import { IS_WINE, skip, skipOnWindows } from "../support/windows-fixture.js";
import { WorkerHarness, type WorkerHarnessOptions } from "../support/worker-harness.js";

const USER = "planted-user";
const PASSWORD = "planted%20password";

/** A proxy for https on a free port, which accepts every user. */
async function startProxy(): Promise<{ server: Server; port: number; passwords: Set<string> }> {
  const passwords = new Set<string>();
  const server = createServer();
  server.on("connect", (request, client: Socket) => {
    const encoded = (request.headers["proxy-authorization"] ?? "").replace("Basic ", "");
    passwords.add(Buffer.from(encoded, "base64").toString());
    const { hostname, port } = new URL(`http://${request.url ?? ""}`);
    const target = connect(Number(port), hostname, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      client.pipe(target).pipe(client);
    });
    for (const socket of [client, target])
      socket.on("error", () => [client, target].forEach((each) => each.destroy()));
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  return { server, port: (server.address() as AddressInfo).port, passwords };
}

describe("e2e: the environment of the host", function () {
  this.timeout(30_000);
  let certificates: TestCertificates;
  let folder: string;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let harness: WorkerHarness | null = null;

  before(async () => {
    certificates = makeCertificates();
    proxy = await startProxy();
  });
  after(() => proxy.server.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-environment-"));
    await writeFile(join(folder, "ca.pem"), certificates.authority);
  });
  afterEach(async () => {
    await harness?.stop();
    harness = null;
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs a worker that polls over TLS, through a proxy with a password, with these variables. */
  async function poll(
    env: Record<string, string>,
    options: WorkerHarnessOptions = {},
  ): Promise<{ stderr: string; log: string; all: string }> {
    harness = await WorkerHarness.start({
      tls: certificates.good,
      enable: 1,
      ini: [`WebexPresence.CaFile=${join(folder, "ca.pem")}`],
      env: {
        HTTPS_PROXY: `http://${USER}:${PASSWORD}@127.0.0.1:${proxy.port}`,
        NO_PROXY: "",
        no_proxy: "",
        https_proxy: "",
        ...env,
      },
      ...options,
    });
    const strayOutput: unknown[] = [];
    harness.host.on("protocolError", (error) => strayOutput.push(error));
    await harness.authorize();
    await harness.waitForPhase("polling", 10_000);
    const [person] = harness.webex.people();
    await harness.waitFor("presence", async () =>
      (await harness!.get(person!.emails[0]!, 500)).reason === null ? true : null,
    );
    await harness.host.shutdown();
    expect(strayOutput).to.deep.equal([]);
    expect([...proxy.passwords]).to.deep.equal([`${USER}:${decodeURIComponent(PASSWORD)}`]);
    const all = await harness.readAllOutput();
    const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
    return { stderr: harness.host.transcript.text("stderr"), log, all };
  }

  function expectNoSecret(text: string): void {
    const planted = [USER, PASSWORD, decodeURIComponent(PASSWORD)];
    const basic = Buffer.from(`${USER}:${decodeURIComponent(PASSWORD)}`).toString("base64");
    const secrets = [...planted, basic, ...harness!.webex.issuedSecrets];
    for (const secret of secrets)
      expect(text.includes(secret), `${secret.slice(0, 12)}… was written`).to.equal(false);
  }

  it("keeps secrets out of everything it writes if DEBUG and NODE_DEBUG ask for them", async () => {
    const { stderr, log, all } = await poll({
      DEBUG: "*",
      NODE_DEBUG: "http,https,net,tls,http2,stream",
      FORCE_COLOR: "3",
    });
    expectNoSecret(all);
    expect(log).to.include("ignores the environment variable DEBUG");
    expect(log).to.include("ignores the environment variable NODE_DEBUG");
    expect(stderr).to.not.match(/^(HTTP|HTTPS|NET|TLS|STREAM) /m);
    expect(stderr).to.not.match(/proxy-agent/);
  });

  it("works as usual with variables that concern other programs", async () => {
    const { log, all } = await poll({
      CHOKIDAR_USEPOLLING: "1",
      CHOKIDAR_INTERVAL: "600000",
      FORCE_COLOR: "3",
      LC_ALL: "tr_TR.UTF-8",
      NODE_CHANNEL_FD: "",
      NODE_DISABLE_COLORS: "",
      NODE_PATH: folder,
      NODE_PENDING_DEPRECATION: "1",
      NODE_REDIRECT_WARNINGS: join(folder, "warnings"),
      NODE_REPL_EXTERNAL_MODULE: join(folder, "missing.cjs"),
      NODE_REPL_HISTORY: join(folder, "history"),
      NODE_USE_ENV_PROXY: "1",
      NODE_V8_COVERAGE: join(folder, "coverage"),
      READABLE_STREAM: "disable",
      SSLKEYLOGFILE: join(folder, "keys"),
      SSL_CERT_FILE: join(folder, "missing.pem"),
      TZ: "Nowhere/None",
      UCX_UNUSED: "x".repeat(100_000),
      UV_THREADPOOL_SIZE: "1",
    });
    expectNoSecret(all);
    // SSLKEYLOGFILE is for other programs: Node.js does not read it.
    expect(existsSync(join(folder, "keys"))).to.equal(false);
    expect(log).to.not.include("\u001b");
    const records = log
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { time: string; level: string; message: string });
    for (const { time } of records) expect(time).to.match(/^\d{4}-.*T.*Z$/);
    const warnings = records.filter(({ level }) => level === "warn").map(({ message }) => message);
    // Wine has no rights to set.
    expect(warnings.filter((text) => !IS_WINE || !text.includes("log folder"))).to.deep.equal([]);
  });

  it("warns of options in NODE_OPTIONS that expose secrets, without their values", async () => {
    // Between quotation marks, a backslash in NODE_OPTIONS escapes.
    const preload = join(folder, "preload.cjs").replaceAll("\\", "/");
    const pids = join(folder, "pids");
    await writeFile(preload, `require("fs").appendFileSync(${JSON.stringify(pids)}, "loaded\\n")`);
    const options = ["--inspect=0", `--tls-keylog=${join(folder, "keys")}`, "--tls_min_v1.0"];
    const { log, all } = await poll({
      NODE_OPTIONS: [...options, `--require="${preload}"`].join(" "),
    });
    expectNoSecret(all);
    const warnings = log.split("\n").filter((line) => line.includes('"level":"warn"'));
    for (const option of ["--inspect", "--tls-keylog", "--tls-min-v1.0", "--require"])
      expect(warnings.some((line) => line.includes(`NODE_OPTIONS contains ${option},`))).to.equal(
        true,
        option,
      );
    expect(warnings.join("\n")).to.not.include(folder);
  });

  it("has as many threads for files and names with UV_THREADPOOL_SIZE=1 as without", async function () {
    if (process.platform !== "linux") skip(this, "only Linux lists a process's threads in /proc");
    const threadsWith = async (size: string): Promise<number> => {
      const log = join(folder, `log-${size}`);
      const worker = spawn(process.execPath, ["dist/worker.cjs", ...launchArgs("--log-dir", log)], {
        env: { ...process.env, UV_THREADPOOL_SIZE: size },
      });
      const ended = endOf(worker, 5_000);
      // By then, files have been read and written.
      await waitUntil(() => existsSync(join(log, "status.json")));
      const threads = readdirSync(`/proc/${worker.pid}/task`).length;
      worker.stdin.end();
      await ended;
      return threads;
    };
    const usual = await threadsWith("4");
    expect(await threadsWith("1")).to.equal(usual);
    expect(await threadsWith("6")).to.equal(usual + 2);
  });

  it("warns of such options on the command line of Node.js", async () => {
    const worker = spawn(process.execPath, [
      `--tls-keylog=${join(folder, "keys")}`,
      "dist/worker.cjs",
      ...launchArgs(),
    ]);
    const { stderr } = await endOf(worker);
    expect(stderr).to.include("The command line of Node.js contains --tls-keylog, which");
  });

  const launchArgs = (...more: string[]): string[] => [
    "--settings",
    join(folder, "Presence.ini"),
    "--secret-store",
    "memory",
    ...more,
  ];

  it("names relative paths as the reason if the current folder was deleted", async function () {
    skipOnWindows(this, "Windows does not delete a folder that is a process's current one");
    const gone = join(folder, "gone");
    const run = (program: string, ...args: string[]) => {
      mkdirSync(gone);
      const script = `rmdir "$PWD"; exec "$@"`;
      const node = [process.execPath, resolve(program), ...args];
      return spawnSync("sh", ["-c", script, "sh", ...node], { cwd: gone, encoding: "utf8" });
    };
    for (const args of [["--settings", "x.ini"], launchArgs("--log-dir", "log").slice(0, 6)]) {
      const worker = run("dist/worker.cjs", ...args);
      expect(worker.status).to.equal(2);
      expect(worker.stderr).to.match(/^--(settings|log-dir) is a relative path, .*\nusage:/);
    }
    for (const command of [
      run("dist/cli.cjs", "authorizations", "--settings", "x.ini"),
      run("dist/cli.cjs", "status", "--log-dir", "log"),
    ]) {
      expect(command.status).to.equal(2);
      expect(command.stderr)
        .to.include("is a relative path")
        .and.not.match(/^\s+at /m);
    }
    expect(run("dist/worker.cjs", ...launchArgs("--log-dir", folder)).status).to.equal(0);
  });

  describe("of an account without an entry and without HOME", () => {
    const UID = 54_321;
    let product: ReadableProduct | null = null;

    before(async function () {
      if (process.getuid?.() !== 0) skip(this, "only root can start a worker in another account");
      product = await ReadableProduct.create();
    });
    after(() => product?.remove());
    beforeEach(async () => {
      await chmod(folder, 0o777);
      await writeFile(join(folder, "Presence.ini"), "WebexPresence.Enable=0\n");
    });

    const start = (
      program: string,
      args: string[],
      { store = "memory", env = {} }: { store?: string; env?: NodeJS.ProcessEnv } = {},
    ) =>
      spawn(process.execPath, [join(product!.folder, program), ...args, "--secret-store", store], {
        uid: UID,
        gid: UID,
        cwd: folder,
        env,
      });
    const settings = (): string[] => ["--settings", join(folder, "Presence.ini")];

    it("writes its log to --log-dir", async () => {
      const log = join(folder, "log");
      const worker = start("dist/worker.cjs", [...settings(), "--log-dir", log]);
      const ended = endOf(worker, 5_000);
      await waitUntil(() => existsSync(join(log, "status.json")));
      worker.stdin.end();
      expect((await ended).code).to.equal(0);
      const content = await readFile(join(log, "worker.log"), "utf8");
      expect(content).to.include(`"account":"uid ${UID}"`);
      expect(existsSync(join(log, "status.json"))).to.equal(true);
    });

    for (const [what, env, warning] of [
      ["nothing else", {}, /no home directory.*Name a folder with --log-dir/],
      ["an empty HOME", { HOME: "" }, /no home directory/],
      ["a relative HOME", { HOME: "home" }, /no home directory/],
      ["a relative XDG_STATE_HOME", { XDG_STATE_HOME: "state" }, /no home directory/],
      ["a HOME that does not exist", { HOME: "/nonexistent" }, /log file .*"code":"E/],
    ] as const) {
      it(`answers with ${what}, says where the log goes, and writes no file`, async () => {
        const { code, stdout, stderr } = await endOf(
          start("dist/worker.cjs", settings(), { env: { ...env } }),
          100,
        );
        expect(code).to.equal(0);
        expect(stdout).to.include('"id":1,"result":{"phase":');
        expect(stderr)
          .to.match(/ warn .*the log goes to stderr only/)
          .and.match(warning);
        expect(stderr).to.not.match(/^\s+at /m);
        expect(readdirSync(folder).sort()).to.deep.equal(["Presence.ini", "ca.pem"]);
      });
    }

    it("runs the command line, and asks for --log-dir where it needs it", async () => {
      const status = await endOf(start("dist/cli.cjs", ["status"]));
      expect(status.code).to.equal(2);
      expect(status.stderr)
        .to.match(/no home directory.*--log-dir/s)
        .and.not.match(/^\s+at /m);
      const other = await endOf(start("dist/cli.cjs", ["authorizations", ...settings()]));
      expect(other.code).to.equal(0);
      expect(other.stdout).to.include("No organization is authorized");
      const secret = await endOf(
        start("dist/cli.cjs", ["secret", "client"], { store: "keychain" }),
      );
      expect(secret.code).to.equal(1);
      expect(secret.stderr).to.include(`The keychain of account "uid ${UID}" cannot be reached`);
      const watch = start("dist/cli.cjs", ["watch", ...settings()], { env: { TMPDIR: "/nope" } });
      expect((await endOf(watch)).stderr).to.match(/temporary files, \/nope, .*ENOENT.*TMPDIR/s);
    });
  });

  it("knows every variable that bundled libraries read", async () => {
    const names = new Set<string>();
    for (const file of readdirSync("dist/lib")) {
      if (!file.endsWith(".cjs") || file === "worker.cjs") continue;
      const code = await readFile(join("dist/lib", file), "utf8");
      for (const [, name] of code.matchAll(/process\.env\.(\w+)/g)) names.add(name!);
    }
    // A new one belongs into src/platform/environment.ts or docs/operations.md.
    expect([...names].sort()).to.deep.equal([
      "CHOKIDAR_INTERVAL",
      "CHOKIDAR_USEPOLLING",
      "DEBUG",
      "NO_PROXY",
      "READABLE_STREAM",
      "no_proxy",
    ]);
  });

  it("hides secrets of the command line's requests from DEBUG and NODE_DEBUG", () => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["dist/cli.cjs", "doctor", "--secret-store", "memory", ...launchArgs().slice(0, 2)],
      {
        encoding: "utf8",
        env: {
          ...process.env,
          DEBUG: "*",
          NODE_DEBUG: "http,https,net,tls",
          HTTPS_PROXY: `http://${USER}:${PASSWORD}@127.0.0.1:1`,
          NO_PROXY: "",
        },
      },
    );
    expect(stdout).to.include("127.0.0.1:1");
    expect(stdout + stderr).to.not.include("planted");
  });
});

/** Sends a request to a worker, or ends the input of a command, and waits for the end. */
function endOf(
  child: ReturnType<typeof spawn>,
  lingerMs = 0,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = "";
  let stderr = "";
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "worker/status" });
  const { stdin } = child;
  stdin?.on("error", () => undefined);
  stdin?.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
  child.stdout?.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    if (stdout.includes('"id":1')) setTimeout(() => stdin?.end(), lingerMs);
  });
  child.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolveEnd) => {
    child.once("close", (code) => resolveEnd({ code, stdout, stderr }));
  });
}
