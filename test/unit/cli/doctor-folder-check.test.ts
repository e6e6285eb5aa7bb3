import { chmod, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import type { Finding } from "../../../src/cli/doctor-finding.js";
import { logFolderCheck } from "../../../src/cli/doctor-folder-check.js";
import type { RunWindowsTool } from "../../../src/platform/windows-tools.js";
import { NO_MODES, requireSymlinks, skipOnWindows } from "../../support/windows-fixture.js";

const ACCOUNT = "CONTOSO\\svc-ucx";
const SID = "S-1-5-21-1004336348-1177238915-682003330-1105";

describe("cli/doctor: the log folder", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-doctor-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const check = async (
    path: string,
    run: RunWindowsTool | null,
    isWritable = true,
  ): Promise<Finding> => {
    const writeErrorIn = (): Promise<string | null> =>
      Promise.resolve(isWritable ? null : "EACCES");
    return await logFolderCheck(ACCOUNT, path, run, writeErrorIn).run();
  };

  it("warns of a mode that lets others in, with the command that changes it", async function () {
    skipOnWindows(this, NO_MODES);
    for (const [mode, isOpen] of [
      [0o700, false],
      [0o500, false],
      [0o755, true],
      [0o750, true],
      [0o702, true],
      [0o1777, true],
    ] as const) {
      await chmod(folder, mode);
      const { state, message, hint } = await check(folder, null);
      expect(state, mode.toString(8)).to.equal(isOpen ? "warning" : "ok");
      if (!isOpen) continue;
      expect(message).to.include(`(mode ${(mode & 0o777).toString(8)})`);
      expect(hint).to.include(`chmod 700 '${folder}'`);
    }
  });

  it("warns of a closed folder that this account cannot write to, with the command that gives it", async function () {
    skipOnWindows(this, NO_MODES);
    const { state, message, hint } = await check(folder, null, false);
    expect(state).to.equal("warning");
    expect(message).to.include(`${ACCOUNT} cannot write to it`);
    expect(hint).to.include(`chown -R ${ACCOUNT} '${folder}'`);
  });

  it("finds out whether this account can write, and leaves nothing behind", async function () {
    skipOnWindows(this, NO_MODES);
    await chmod(folder, 0o700);
    expect(await logFolderCheck(ACCOUNT, folder, null).run()).to.include({ state: "ok" });
    expect(await readdir(folder)).to.deep.equal([]);
    if (process.platform !== "linux") return;
    // Closed to others, and nobody can create a file in it.
    const refused = await logFolderCheck(ACCOUNT, "/proc/self/fd", null).run();
    expect(refused.message).to.include("cannot write to it");
  });

  it("accepts a folder that does not exist yet", async () => {
    const { state, message } = await check(join(folder, "none"), null);
    expect([state, message.includes("does not exist yet")]).to.deep.equal(["ok", true]);
  });

  it("skips a folder that cannot be read", async () => {
    await writeFile(join(folder, "file"), "");
    const { state, message } = await check(join(folder, "file", "below"), null);
    // Windows does not say that the file is in the way.
    if (process.platform === "win32") expect(state).to.equal("ok");
    else expect([state, message.includes("ENOTDIR")]).to.deep.equal(["skipped", true]);
  });

  describe("on Windows", () => {
    const toolsFor =
      (sid: string | null, sddl: string, owner = SID): RunWindowsTool =>
      async (name, args) => {
        if (name === "whoami") {
          if (sid === null) throw new Error("whoami.exe failed (1)");
          return `"x","${sid}"\r\n`;
        }
        if (name === "powershell") return `O:${owner}G:SYD:P\r\n`;
        await writeFile(args[2] ?? "", Buffer.from(`log\r\n${sddl}\r\n`, "utf16le"));
        return "";
      };
    const ADMINISTRATOR = "S-1-5-21-1-2-3-500";
    const closed = `D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;${SID})`;
    const inherited = "D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)";

    it("accepts a folder for the system, administrators and one account", async () => {
      for (const sid of [SID, ADMINISTRATOR, null])
        expect(await check(folder, toolsFor(sid, closed))).to.include({ state: "ok", hint: null });
    });

    it("names the account that it takes for the worker's", async () => {
      const { message } = await check(folder, toolsFor(ADMINISTRATOR, closed));
      expect(message).to.equal(
        `${folder}: closed to all but ${SID}, which must be the worker's account`,
      );
      for (const [sid, sddl] of [
        [SID, closed],
        [ADMINISTRATOR, "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;RC;;;OW)"],
      ] as const)
        expect((await check(folder, toolsFor(sid, sddl))).message).to.match(/other accounts$/);
    });

    it("warns of an owner who can open the folder", async () => {
      const sddl = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";
      const owner = "S-1-5-21-1-2-3-1107";
      const { state, message, hint } = await check(folder, toolsFor("S-1-5-18", sddl, owner));
      expect(state).to.equal("warning");
      expect(message).to.include(`is open to its owner ${owner}.`);
      expect(hint).to.include(`icacls "${folder}" /inheritance:r`);
      for (const trusted of ["S-1-5-18", "S-1-5-32-544"]) {
        const finding = await check(folder, toolsFor("S-1-5-18", sddl, trusted));
        expect(finding).to.include({ state: "ok" });
      }
    });

    it("warns of a link", async function () {
      requireSymlinks(this);
      const link = join(folder, "link");
      await symlink(folder, link);
      const { state, message, hint } = await check(link, toolsFor(SID, closed));
      expect(state).to.equal("warning");
      expect(message).to.include(`${link} is a link to another folder.`);
      expect(hint).to.include(`rmdir "${link}"`);
    });

    it("offers a command for the one account in the list, not for the administrator who asks", async () => {
      const sddl = `${inherited}(A;ID;FA;;;${SID})`;
      const { message, hint } = await check(folder, toolsFor(ADMINISTRATOR, sddl));
      expect(message).to.include("is open to Users (S-1-5-32-545).");
      expect(hint).to.include(`runs under ${SID}, run`).and.include(`"*${SID}:(OI)(CI)F"`);
      expect(hint).to.not.include(ACCOUNT);
    });

    it("warns of a folder that Users can read, with the command that closes it", async () => {
      const { state, message, hint } = await check(folder, toolsFor(SID, inherited));
      expect(state).to.equal("warning");
      expect(message).to.include("is open to Users (S-1-5-32-545).");
      expect(hint).to.include(
        `icacls "${folder}" /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "${ACCOUNT}:(OI)(CI)F" "*S-1-3-4:(OI)(CI)(RC)" /remove:g *S-1-5-32-545`,
      );
    });

    it("names no account in the command that the system does not need", async () => {
      const { hint } = await check(folder, toolsFor("S-1-5-18", inherited));
      expect(hint).to.include(
        '"*S-1-5-32-544:(OI)(CI)F" "*S-1-3-4:(OI)(CI)(RC)" /remove:g *S-1-5-32-545',
      );
    });

    it("warns if the rights cannot be read", async () => {
      const { state, message, hint } = await check(folder, toolsFor(SID, ""));
      expect(state).to.equal("warning");
      expect(message).to.include("icacls.exe saved no rights");
      expect(hint).to.include(`icacls "${folder}"`);
    });
  });
});
