import { existsSync, rmSync } from "node:fs";
import {
  chmod,
  chown,
  lchown,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";

import { lazyChildProcess } from "../../../src/platform/lazy-modules.js";
import { findPosixRisk } from "../../../src/platform/log-folder-check.js";
import {
  LogFolder,
  makePrivateFolder,
  type FolderProblem,
} from "../../../src/platform/log-folder.js";
import {
  ownSid,
  readOwner,
  readRights,
  restrictingCommand,
  runWindowsTool,
  type RunWindowsTool,
} from "../../../src/platform/windows-tools.js";
import { waitUntil } from "../../support/clock-fake.js";
import { NO_MODES, requireSymlinks, skip, skipOnWindows } from "../../support/windows-fixture.js";

const SID = "S-1-5-21-1004336348-1177238915-682003330-1105";
const ACCOUNT = "CONTOSO\\svc ucx";
/** As on a German Windows, whose account names have umlauts in a code page of DOS. */
const WHOAMI = `"contoso\\svc-\u0081cx (S-1-5-18)","${SID}"\r\n`;

const OTHER = "S-1-5-21-1004336348-1177238915-682003330-1107";
const CLOSED = `D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;${SID})(A;OICI;RC;;;OW)`;
const OWNER_RIGHTS = "*S-1-3-4:(OI)(CI)(RC)";

/** Windows' tools, with what they print and save. */
class ToolsFake {
  readonly calls: string[][] = [];
  whoami = WHOAMI;
  savedSddl = CLOSED;
  owner = SID;
  failingOption: string | null = null;
  /** Called when the rights of a folder are about to be set. */
  onRestriction: () => void | Promise<void> = () => undefined;

  readonly run: RunWindowsTool = async (name, args) => {
    this.calls.push([name, ...args]);
    if (this.failingOption !== null && [name, ...args].includes(this.failingOption))
      throw new Error(`${name}.exe failed (5)`);
    if (name === "whoami") return this.whoami;
    if (name === "powershell") return `O:${this.owner}G:SYD:P\r\n`;
    if (args.includes("/inheritance:r")) await this.onRestriction();
    const [, option, file] = args;
    if (option === "/save" && file !== undefined) {
      const text = `D:(A;;FA;;;WD)\r\n${this.savedSddl}\r\n`;
      await writeFile(file, Buffer.from(text, "utf16le"));
    }
    return "1 Dateien erfolgreich verarbeitet\r\n";
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("platform/log-folder", () => {
  let folder: string;
  let path: string;
  let tools: ToolsFake;
  let reports: { problem: FolderProblem; reason: string; command: string }[];
  let logFolder: LogFolder;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-folder-"));
    path = join(folder, "state", "log");
    tools = new ToolsFake();
    reports = [];
    logFolder = new LogFolder(path, {
      account: ACCOUNT,
      run: tools.run,
      onProblem: (problem, reason, command) => reports.push({ problem, reason, command }),
      checkDelayMs: 0,
    });
  });
  const restrictions = (): string[][] =>
    tools.calls.filter((call) => call.includes("/inheritance:r"));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("restricts a folder that it creates, once for all who wait for it, and checks that", async () => {
    let wasThere = true;
    tools.onRestriction = () => void (wasThere = existsSync(path));
    const making = logFolder.make();
    expect(logFolder.make()).to.equal(making);
    await making;
    const [, temporaryPath = ""] = tools.calls[1] ?? [];
    expect(tools.calls.slice(0, 2)).to.deep.equal([
      ["whoami", "/user", "/fo", "csv", "/nh"],
      [
        ...["icacls", temporaryPath, "/inheritance:r", "/grant:r", "*S-1-5-18:(OI)(CI)F"],
        ...["*S-1-5-32-544:(OI)(CI)F", `*${SID}:(OI)(CI)F`, OWNER_RIGHTS],
      ],
    ]);
    // Under its name only once it is closed.
    expect(temporaryPath).to.match(/\blog\.\w+$/);
    expect([wasThere, await readdir(dirname(path))]).to.deep.equal([false, ["log"]]);
    await waitUntil(() => tools.calls.length === 3);
    const [program, checked, option, file = ""] = tools.calls[2] ?? [];
    expect([program, checked, option]).to.deep.equal(["icacls", path, "/save"]);
    await waitUntil(() => !existsSync(dirname(file)));
    await logFolder.make();
    expect(tools.calls).to.have.length(3);
    expect(reports).to.deep.equal([]);
  });

  it("is not made before its rights are set, so that nothing is written to it before", async () => {
    const { run } = tools;
    let finish: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (finish = resolve));
    let isMade = false;
    const slowFolder = new LogFolder(path, {
      account: ACCOUNT,
      run: async (name, args) => {
        if (args.includes("/inheritance:r")) await running;
        return run(name, args);
      },
      onProblem: () => undefined,
    });
    const making = slowFolder.make().then(() => (isMade = true));
    await waitUntil(() => tools.calls.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isMade).to.equal(false);
    finish();
    await making;
  });

  it("leaves an existing folder alone, and checks it once", async () => {
    await mkdir(path, { recursive: true });
    await logFolder.make();
    await logFolder.make();
    // Whatever the second call starts comes before the check of another folder.
    const other = new LogFolder(folder, {
      ...{ account: ACCOUNT, run: tools.run, checkDelayMs: 0 },
      onProblem: () => undefined,
    });
    await other.make();
    await waitUntil(() => tools.calls.some((call) => call[1] === folder));
    expect(restrictions()).to.deep.equal([]);
    expect(tools.calls.filter((call) => call[1] === path)).to.have.length(1);
    expect(reports).to.deep.equal([]);
  });

  for (const [what, sddl, owner, reason] of [
    ["inherits the rights of its parent", "D:AI(A;CIID;DCLCRPCR;;;BU)", SID, /S-1-5-32-545$/],
    // Somebody without any other right can have made it.
    ["is for one other account", CLOSED.replace(SID, OTHER), SID, /^accessible to S-.*-1107$/],
    ["belongs to somebody else", "D:PAI(A;OICI;FA;;;SY)", OTHER, /^its owner is S-.*-1107$/],
    ["belongs to somebody whose rights are limited", CLOSED, OTHER, null],
    ["belongs to an administrator", "D:PAI(A;OICI;FA;;;SY)", "BA", null],
    ["belongs to the worker's account", "D:PAI(A;OICI;FA;;;SY)", SID, null],
    ["can be read by others", `D:P(A;OICI;FR;;;BU)(A;;RC;;;OW)`, SID, null],
  ] as const) {
    it(`${reason === null ? "accepts" : "reports"} an existing folder that ${what}`, async () => {
      await mkdir(path, { recursive: true });
      Object.assign(tools, { savedSddl: sddl, owner });
      await logFolder.make();
      const last = sddl.includes("OW") || reason?.test("S-1-5-32-545") ? "icacls" : "powershell";
      if (reason === null) await waitUntil(() => tools.calls.at(-1)?.[0] === last);
      else await waitUntil(() => reports.length === 1);
      expect(reports.map(({ problem }) => problem)).to.deep.equal(reason ? ["changeable"] : []);
      if (reason === null) return;
      expect(reports[0]?.reason).to.match(reason);
      expect(reports[0]?.command).to.include(`icacls "${path}" /inheritance:r`);
      expect(restrictions()).to.deep.equal([]);
    });
  }

  it("reports a link in the folder's place", async function () {
    requireSymlinks(this);
    await mkdir(dirname(path), { recursive: true });
    await symlink(folder, path);
    await logFolder.make();
    await waitUntil(() => reports.length === 1);
    expect(reports).to.deep.equal([
      {
        problem: "changeable",
        reason: "it is a link to another folder",
        command: `rmdir "${path}"`,
      },
    ]);
  });

  it("restricts the folder in its place if it cannot be renamed", async () => {
    // Its temporary folder is gone.
    tools.onRestriction = () => {
      tools.onRestriction = () => undefined;
      return rm(tools.calls.at(-1)?.[1] ?? "", { recursive: true });
    };
    await logFolder.make();
    expect(restrictions().map((call) => call[1]))
      .to.include(path)
      .and.have.length(2);
    expect(await readdir(dirname(path))).to.deep.equal(["log"]);
    await waitUntil(() => tools.calls.length === 4);
    expect(reports).to.deep.equal([]);
  });

  for (const [what, failure] of [
    ["", null],
    [", whether or not the tools work", new Error("icacls.exe failed (5)")],
  ] as const) {
    it(`leaves a folder alone that another process creates in the meantime${what}`, async () => {
      tools.onRestriction = async () => {
        await mkdir(path);
        await writeFile(join(path, "worker.log"), "");
        if (failure !== null) throw failure;
      };
      await logFolder.make();
      await waitUntil(() => tools.calls.length === 3);
      expect(restrictions().map((call) => call[1])).to.not.include(path);
      expect(await readdir(dirname(path))).to.deep.equal(["log"]);
    });
  }

  it("says nothing of an existing folder that is gone when it is checked", async () => {
    await mkdir(path, { recursive: true });
    await logFolder.make();
    rmSync(path, { recursive: true });
    await waitUntil(() => tools.calls.length === 1);
    await logFolder.make();
    await waitUntil(() => tools.calls.at(-1)?.includes("/save") === true);
    expect(restrictions()).to.have.length(1);
    expect(reports).to.deep.equal([]);
  });

  it("names the system once if the worker runs as LocalSystem", async () => {
    tools.whoami = `"nt-autorit\u0084t\\system","S-1-5-18"\r\n`;
    tools.savedSddl = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;RC;;;OW)";
    await logFolder.make();
    expect(tools.calls[1]?.slice(3)).to.deep.equal([
      ...["/grant:r", "*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F", OWNER_RIGHTS],
    ]);
  });

  it("uses a folder whose rights cannot be set, and reports it with the command", async () => {
    tools.failingOption = "/inheritance:r";
    await logFolder.make();
    expect(existsSync(path)).to.equal(true);
    expect(reports).to.deep.equal([
      {
        problem: "notRestricted",
        reason: "icacls.exe failed (5)",
        command: `icacls "${path}" /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "*${SID}:(OI)(CI)F" "${OWNER_RIGHTS}"`,
      },
    ]);
  });

  it("restricts a folder that an earlier attempt has left open", async () => {
    tools.failingOption = "/inheritance:r";
    await logFolder.make();
    tools.failingOption = null;
    await logFolder.make();
    expect(restrictions().map((call) => call[1] === path)).to.deep.equal([false, true]);
    expect(reports).to.have.length(1);
    await waitUntil(() => tools.calls.at(-1)?.includes("/save") === true);
  });

  it("does not wait for another attempt, and makes one at a time", async () => {
    tools.failingOption = "/inheritance:r";
    await logFolder.make();
    tools.failingOption = null;
    let end: () => void = () => undefined;
    tools.onRestriction = () => new Promise((resolve) => (end = resolve));
    await logFolder.make();
    await logFolder.make();
    expect(restrictions()).to.have.length(2);
    end();
    await waitUntil(() => tools.calls.at(-1)?.includes("/save") === true);
    expect(restrictions()).to.have.length(2);
  });

  it("gives up after three attempts, and then checks the folder without another report", async () => {
    tools.failingOption = "/inheritance:r";
    tools.savedSddl = "D:(A;OICI;FR;;;BU)";
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      await logFolder.make();
      await nextTurn();
    }
    await waitUntil(() => tools.calls.at(-1)?.includes("/save") === true);
    expect(restrictions()).to.have.length(3);
    expect(reports.map(({ problem }) => problem)).to.deep.equal(["notRestricted"]);
  });

  it("does not report that it cannot check a folder that it has reported as open", async () => {
    tools.whoami = "";
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await logFolder.make();
      await nextTurn();
    }
    await waitUntil(() => tools.calls.length === 4);
    await logFolder.make();
    expect(reports.map(({ problem }) => problem)).to.deep.equal(["notRestricted"]);
  });

  it("reports that it does not know its own account, with the account's name in the command", async () => {
    tools.whoami = "VM\\root\r\n";
    await logFolder.make();
    expect(tools.calls).to.have.length(1);
    expect(reports.map(({ reason }) => reason)).to.deep.equal([
      "whoami.exe does not name the account's SID",
    ]);
    expect(reports[0]?.command).to.include(`"${ACCOUNT}:(OI)(CI)F"`);
  });

  for (const [what, problem, prepare, reason] of [
    [
      "others still have access",
      "notRestricted",
      (fake: ToolsFake) => (fake.savedSddl = "D:AI(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)"),
      "accessible to S-1-5-32-545",
    ],
    [
      "the rights cannot be read",
      "unchecked",
      (fake: ToolsFake) => (fake.failingOption = "/save"),
      "icacls.exe failed (5)",
    ],
    [
      "no rights are saved",
      "unchecked",
      (fake: ToolsFake) => (fake.savedSddl = ""),
      "icacls.exe saved no rights",
    ],
  ] as const) {
    it(`reports that ${what} after the rights were set`, async () => {
      prepare(tools);
      await logFolder.make();
      await waitUntil(() => reports.length === 1);
      expect(reports[0]).to.include({ problem, reason });
    });
  }

  it("runs a tool by its full path, without the environment, which may hold a password", async () => {
    const calls: unknown[][] = [];
    const stub = sinon.stub(lazyChildProcess(), "execFile");
    stub.callsFake(((...args: unknown[]) => {
      calls.push(args.slice(0, 3));
      (args[3] as (error: null, stdout: string) => void)(null, "printed");
    }) as never);
    try {
      expect(await runWindowsTool("icacls", ["C:\\Logs"])).to.equal("printed");
    } finally {
      stub.restore();
    }
    const [[file, args, options] = []] = calls;
    expect(file).to.match(/^[A-Z]:\\.*\\System32\\icacls\.exe$/i);
    expect(args).to.deep.equal(["C:\\Logs"]);
    expect(options).to.deep.include({ env: {}, windowsHide: true, timeout: 2_000 });
  });

  it("makes a folder that its account can use under any umask", async function () {
    skipOnWindows(this, NO_MODES);
    const umask = process.umask(0o277);
    try {
      await makePrivateFolder(join(folder, "log"));
    } finally {
      process.umask(umask);
    }
    expect((await stat(join(folder, "log"))).mode & 0o777).to.equal(0o700);
  });

  it("takes the SID from the end of the line, after a name of any letters", async () => {
    expect(await ownSid(tools.run)).to.equal(SID);
  });

  it("does not take the folder's name for its rights", async () => {
    expect(await readRights(path, tools.run)).to.equal(`${CLOSED}\n`);
  });

  it("asks PowerShell for the owner, with the folder's name as a literal", async () => {
    expect(await readOwner("C:\\O'Neill\u2019s", tools.run)).to.equal(SID);
    expect(tools.calls[0]?.at(-1)).to.equal(
      "(Get-Acl -LiteralPath 'C:\\O''Neill\u2019\u2019s').Sddl",
    );
    tools.owner = "";
    const error = await readOwner(path, tools.run).catch((thrown: unknown) => thrown);
    expect(String(error)).to.equal("Error: powershell.exe does not name the owner");
  });

  it("removes rights that were given to others explicitly", () => {
    const command = restrictingCommand("C:\\Logs", ACCOUNT, ["S-1-5-32-545", "DU"]);
    expect(command).to.equal(
      'icacls "C:\\Logs" /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "CONTOSO\\svc ucx:(OI)(CI)F" "*S-1-3-4:(OI)(CI)(RC)" /remove:g *S-1-5-32-545',
    );
  });

  describe("on Linux and macOS", () => {
    beforeEach(async function () {
      skipOnWindows(this, NO_MODES);
      logFolder = new LogFolder(path, {
        account: "svc-ucx",
        run: null,
        onProblem: (problem, reason, command) => reports.push({ problem, reason, command }),
      });
      await mkdir(path, { recursive: true });
    });

    it("reports an existing folder that others can change, once", async () => {
      await chmod(path, 0o1777);
      await logFolder.make();
      await waitUntil(() => reports.length > 0);
      await logFolder.make();
      expect(reports).to.deep.equal([
        { problem: "changeable", reason: "its mode is 777", command: `chmod 700 '${path}'` },
      ]);
    });

    it("accepts one that others can read, and a link that this account has made", async () => {
      await chmod(path, 0o755);
      await symlink(path, join(folder, "link"));
      for (const each of [path, join(folder, "link")])
        expect(await findPosixRisk(each, "svc-ucx"), each).to.equal(null);
    });

    it("reports an owner who is neither root nor this account, also of a link", async function () {
      if (process.getuid?.() !== 0) skip(this, "only root can give something away");
      const link = join(folder, "link");
      await symlink(path, link);
      await lchown(link, 4321, 0);
      expect(await findPosixRisk(link, "svc-ucx")).to.deep.equal({
        reason: "it is a link that uid 4321 has made",
        command: `rm '${link}'`,
      });
      await chown(path, 4321, 0);
      expect(await findPosixRisk(path, "svc-ucx")).to.deep.equal({
        reason: "its owner is uid 4321",
        command: `chown svc-ucx '${path}' && chmod 700 '${path}'`,
      });
    });
  });
});
