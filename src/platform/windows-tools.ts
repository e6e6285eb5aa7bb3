import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, win32 } from "node:path";

import {
  accountsWithAccess,
  ADMINISTRATORS,
  CHANGE_BITS,
  LOCAL_SYSTEM,
  otherAccounts,
} from "./folder-rights.js";
import { lazyChildProcess } from "./lazy-modules.js";

/** Normally less than 0.1 s. The log waits for it, within its own limit of 5 s. */
const TIMEOUT_MS = 2_000;

/** Runs a program of Windows, and resolves to what it prints. Rejects if it fails. */
export type RunWindowsTool = (
  name: "icacls" | "whoami",
  args: readonly string[],
) => Promise<string>;

/** Without a shell, a window, and the environment, which may contain a proxy's password. */
export const runWindowsTool: RunWindowsTool = (name, args) => {
  const { SystemRoot: root = "C:\\Windows" } = process.env;
  const options = { env: {}, windowsHide: true, timeout: TIMEOUT_MS } as const;
  return new Promise((resolve, reject) => {
    lazyChildProcess().execFile(
      win32.join(root, "System32", `${name}.exe`),
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

/** The arguments of icacls that leave a folder to `account`, the system and administrators. */
export function restrictingArguments(path: string, account: string): string[] {
  const accounts = [...new Set([`*${LOCAL_SYSTEM}`, `*${ADMINISTRATORS}`, account])];
  const rights = accounts.map((name) => `${name}:(OI)(CI)F`);
  return [path, "/inheritance:r", "/grant:r", ...rights];
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

/** Rejects if the rights cannot be set. Whether that worked: `othersWithAccess`. */
export async function restrictFolder(
  path: string,
  sid: string,
  run: RunWindowsTool,
): Promise<void> {
  await run("icacls", restrictingArguments(path, `*${sid}`));
}

/**
 * The accounts that can read or change a folder, besides the system, administrators and the
 * worker's account, as far as `otherAccounts` can tell. Rejects if that cannot be found out.
 */
export async function othersWithAccess(
  path: string,
  sid: string | null,
  run: RunWindowsTool,
): Promise<string[]> {
  const accounts = accountsWithAccess(await readSddl(path, run));
  if (accounts === null) throw new Error("icacls.exe saved no rights");
  return otherAccounts(accounts, sid);
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
  const accounts = accountsWithAccess(await readSddl(path, run), CHANGE_BITS);
  if (accounts === null) throw new Error("icacls.exe saved no rights");
  return accounts.filter((other) => other !== sid);
}

/** What icacls prints depends on the language of Windows; what it saves does not. */
async function readSddl(path: string, run: RunWindowsTool): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ucx-rights-"));
  try {
    const file = join(folder, "rights");
    await run("icacls", [path, "/save", file]);
    const text = (await readFile(file)).toString("utf16le");
    // The first line names the folder, which may look like anything.
    return text.split(/\r?\n/).slice(1).join("\n");
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
