import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, win32 } from "node:path";

import {
  accountsWithAccess,
  ADMINISTRATORS,
  CHANGE_BITS,
  LOCAL_SYSTEM,
  OWNER_RIGHTS,
  parseOwner,
} from "./folder-rights.js";
import { lazyChildProcess } from "./lazy-modules.js";

/** Below System32. Only the first two delay the log, which has a limit of 5 s for its folder. */
const TOOLS = {
  // Normally less than 0.1 s.
  icacls: { file: "icacls.exe", timeoutMs: 2_000 },
  whoami: { file: "whoami.exe", timeoutMs: 2_000 },
  powershell: { file: "WindowsPowerShell\\v1.0\\powershell.exe", timeoutMs: 20_000 },
} as const;

/** Runs a program of Windows, and resolves to what it prints. Rejects if it fails. */
export type RunWindowsTool = (name: keyof typeof TOOLS, args: readonly string[]) => Promise<string>;

/** Without a shell, a window, and the environment, which may contain a proxy's password. */
export const runWindowsTool: RunWindowsTool = (name, args) => {
  const { SystemRoot: root = "C:\\Windows" } = process.env;
  const { file, timeoutMs } = TOOLS[name];
  const options = { env: {}, windowsHide: true, timeout: timeoutMs } as const;
  return new Promise((resolve, reject) => {
    lazyChildProcess().execFile(
      win32.join(root, "System32", file),
      args,
      { ...options, encoding: "latin1" },
      (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${name}.exe failed (${error.code ?? error.signal})`));
      },
    );
  });
};

/** The SID of the account that this process runs under. Its name may have any letters. */
export async function ownSid(run: RunWindowsTool): Promise<string> {
  const line = await run("whoami", ["/user", "/fo", "csv", "/nh"]);
  const sid = /"(S-1-[\d-]+)"\s*$/.exec(line)?.[1];
  if (sid === undefined) throw new Error("whoami.exe does not name the account's SID");
  return sid;
}

/**
 * The arguments of icacls that leave a folder to `account`, the system and administrators. An owner
 * who is none of them could still open it again, unless there is an entry for the owner's rights.
 */
export function restrictingArguments(path: string, account: string): string[] {
  const accounts = [...new Set([`*${LOCAL_SYSTEM}`, `*${ADMINISTRATORS}`, account])];
  const rights = accounts.map((name) => `${name}:(OI)(CI)F`);
  return [path, "/inheritance:r", "/grant:r", ...rights, `*${OWNER_RIGHTS}:(OI)(CI)(RC)`];
}

/** The same as a command for an administrator, who removes the rights of `others`, too. */
export function restrictingCommand(
  path: string,
  account: string,
  others: readonly string[] = [],
): string {
  const [folder = path, ...options] = restrictingArguments(path, account);
  const removed = others.filter((sid) => sid.startsWith("S-")).map((sid) => `*${sid}`);
  const removal = removed.length === 0 ? [] : ["/remove:g", ...removed];
  const quoted = [...options, ...removal].map((text) => (/[ (]/.test(text) ? `"${text}"` : text));
  return ["icacls", `"${folder}"`, ...quoted].join(" ");
}

/** Rejects if the rights cannot be set. */
export async function restrictFolder(
  path: string,
  sid: string,
  run: RunWindowsTool,
): Promise<void> {
  await run("icacls", restrictingArguments(path, `*${sid}`));
}

/**
 * The accounts that can change a file, or a folder or what is made in it, besides the system,
 * administrators and the account with `sid`. The owner of the path is not found. Rejects if that
 * cannot be found out.
 */
export async function othersWhoCanChange(
  path: string,
  sid: string,
  run: RunWindowsTool,
): Promise<string[]> {
  const accounts = accountsWithAccess(await readRights(path, run), CHANGE_BITS) ?? [];
  return accounts.filter((other) => other !== sid);
}

/**
 * Who may use a file or folder, as SDDL, without its owner. Rejects if that cannot be found out.
 * What icacls prints depends on the language of Windows; what it saves does not.
 */
export async function readRights(path: string, run: RunWindowsTool): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ucx-rights-"));
  try {
    const file = join(folder, "rights");
    await run("icacls", [path, "/save", file]);
    const text = (await readFile(file)).toString("utf16le");
    // The first line names the folder, which may look like anything.
    const sddl = text.split(/\r?\n/).slice(1).join("\n");
    if (accountsWithAccess(sddl) === null) throw new Error("icacls.exe saved no rights");
    return sddl;
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/**
 * The SID of a folder's owner. No smaller program of Windows tells it. A property without a method
 * call works in PowerShell's constrained language mode, too.
 */
export async function readOwner(path: string, run: RunWindowsTool): Promise<string> {
  // PowerShell takes typographic quotes for apostrophes.
  const quoted = path.replace(/['\u2018-\u201b]/g, "$&$&");
  const command = `(Get-Acl -LiteralPath '${quoted}').Sddl`;
  const owner = parseOwner(
    await run("powershell", ["-NoProfile", "-NonInteractive", "-Command", command]),
  );
  if (owner === null) throw new Error("powershell.exe does not name the owner");
  return owner;
}
