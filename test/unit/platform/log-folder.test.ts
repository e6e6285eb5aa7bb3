import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import sinon from "sinon";

import { lazyChildProcess } from "../../../src/platform/lazy-modules.js";
import { LogFolder, makePrivateFolder } from "../../../src/platform/log-folder.js";
import {
  othersWithAccess,
  ownSid,
  restrictingCommand,
  runWindowsTool,
  type RunWindowsTool,
} from "../../../src/platform/windows-tools.js";
import { waitUntil } from "../../support/clock-fake.js";

const SID = "S-1-5-21-1004336348-1177238915-682003330-1105";
const ACCOUNT = "CONTOSO\\svc ucx";
/** As on a German Windows, whose account names have umlauts in a code page of DOS. */
const WHOAMI = `"contoso\\svc-\u0081cx (S-1-5-18)","${SID}"\r\n`;

/** Windows' tools, with what they print and save. */
class ToolsFake {
  readonly calls: string[][] = [];
  whoami = WHOAMI;
  savedSddl = `D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;${SID})`;
  failingOption: string | null = null;

  readonly run: RunWindowsTool = async (name, args) => {
    this.calls.push([name, ...args]);
    if (this.failingOption !== null && [name, ...args].includes(this.failingOption))
      throw new Error(`${name}.exe failed (5)`);
    if (name === "whoami") return this.whoami;
    const [, option, file] = args;
    if (option === "/save" && file !== undefined) {
      const text = `D:(A;;FA;;;WD)\r\n${this.savedSddl}\r\n`;
      await writeFile(file, Buffer.from(text, "utf16le"));
    }
    return "1 Dateien erfolgreich verarbeitet\r\n";
  };
}

describe("platform/log-folder", () => {
  let folder: string;
  let path: string;
  let tools: ToolsFake;
  let reports: { reason: string; command: string }[];
  let logFolder: LogFolder;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-folder-"));
    path = join(folder, "state", "log");
    tools = new ToolsFake();
    reports = [];
    logFolder = new LogFolder(path, {
      account: ACCOUNT,
      run: tools.run,
      onUnrestricted: (reason, command) => reports.push({ reason, command }),
    });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("restricts a folder that it creates, once for all who wait for it, and checks that", async () => {
    const making = logFolder.make();
    expect(logFolder.make()).to.equal(making);
    await making;
    expect(tools.calls.slice(0, 2)).to.deep.equal([
      ["whoami", "/user", "/fo", "csv", "/nh"],
      [
        ...["icacls", path, "/inheritance:r", "/grant:r"],
        ...["*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F", `*${SID}:(OI)(CI)F`],
      ],
    ]);
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
      onUnrestricted: () => undefined,
    });
    const making = slowFolder.make().then(() => (isMade = true));
    await waitUntil(() => tools.calls.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isMade).to.equal(false);
    finish();
    await making;
  });

  it("leaves an existing folder alone", async () => {
    await mkdir(path, { recursive: true });
    await logFolder.make();
    expect(tools.calls).to.deep.equal([]);
  });

  it("names the system once if the worker runs as LocalSystem", async () => {
    tools.whoami = `"nt-autorit\u0084t\\system","S-1-5-18"\r\n`;
    await logFolder.make();
    expect(tools.calls[1]?.slice(3)).to.deep.equal([
      ...["/grant:r", "*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F"],
    ]);
  });

  it("uses a folder whose rights cannot be set, and reports it with the command", async () => {
    tools.failingOption = "/inheritance:r";
    await logFolder.make();
    expect(existsSync(path)).to.equal(true);
    expect(reports).to.deep.equal([
      {
        reason: "icacls.exe failed (5)",
        command: `icacls "${path}" /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "*${SID}:(OI)(CI)F"`,
      },
    ]);
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

  for (const [what, prepare, reason] of [
    [
      "others still have access",
      (fake: ToolsFake) => (fake.savedSddl = "D:AI(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)"),
      "still accessible to S-1-5-32-545",
    ],
    [
      "the rights cannot be read",
      (fake: ToolsFake) => (fake.failingOption = "/save"),
      "icacls.exe failed (5)",
    ],
    [
      "no rights are saved",
      (fake: ToolsFake) => (fake.savedSddl = ""),
      "icacls.exe saved no rights",
    ],
  ] as const) {
    it(`reports that ${what} after the rights were set`, async () => {
      prepare(tools);
      await logFolder.make();
      await waitUntil(() => reports.length === 1);
      expect(reports[0]?.reason).to.equal(reason);
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
    if (process.platform === "win32") this.skip(); // Windows has no modes.
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
    tools.savedSddl = `D:P(A;;FA;;;${SID})(A;;FR;;;BU)`;
    expect(await othersWithAccess(path, SID, tools.run)).to.deep.equal(["S-1-5-32-545"]);
  });

  it("removes rights that were given to others explicitly", () => {
    const command = restrictingCommand("C:\\Logs", ACCOUNT, ["S-1-5-32-545", "DU"]);
    expect(command).to.equal(
      'icacls "C:\\Logs" /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "CONTOSO\\svc ucx:(OI)(CI)F" /remove:g *S-1-5-32-545',
    );
  });
});
