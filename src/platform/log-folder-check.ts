import { lstat, stat } from "node:fs/promises";

import { accountsWithAccess, isTrusted, ownerHasRights } from "./folder-rights.js";
import { readOwner, readRights, restrictingCommand, type RunWindowsTool } from "./windows-tools.js";

/** Why others can change the log folder, and the command that an administrator runs against it. */
export interface FolderRisk {
  readonly reason: string;
  readonly command: string;
}

/** Bits of a folder's mode that let other accounts create, rename and delete in it. */
export const OTHERS_WRITE_BITS = 0o022;

/** Whether an account is neither root nor this process'. */
export function isForeign(uid: number): boolean {
  return uid !== 0 && uid !== process.getuid?.();
}

/** For Linux and macOS: takes the rights of others from a folder. */
export function closingCommand(path: string): string {
  return `chmod 700 ${quoteForShell(path)}`;
}

/** A path as a word of a POSIX shell. */
export function quoteForShell(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/**
 * For Linux and macOS: whether others than root and this process' account, named `account`, own an
 * existing folder, or the link at its place, or can create files in it. Null if they cannot.
 */
export async function findPosixRisk(path: string, account: string): Promise<FolderRisk | null> {
  const [link, folder] = await Promise.all([lstat(path), stat(path)]);
  if (link.isSymbolicLink() && isForeign(link.uid))
    return {
      reason: `it is a link that uid ${link.uid} has made`,
      command: `rm ${quoteForShell(path)}`,
    };
  if (isForeign(folder.uid)) {
    return {
      reason: `its owner is uid ${folder.uid}`,
      command: `chown ${account} ${quoteForShell(path)} && ${closingCommand(path)}`,
    };
  }
  if ((folder.mode & OTHERS_WRITE_BITS) === 0) return null;
  const mode = (folder.mode & 0o777).toString(8).padStart(3, "0");
  return { reason: `its mode is ${mode}`, command: closingCommand(path) };
}

/**
 * For Windows: whether others than the system, administrators and the account with `sid` have
 * access to an existing folder, by `bits` as in `accountsWithAccess`, or own it, or whether it is a
 * link, which every account can make where it may make folders. Null if none of that is so. Rejects
 * if it cannot be found out.
 */
export async function findWindowsRisk(
  path: string,
  sid: string,
  run: RunWindowsTool,
  bits?: number,
): Promise<FolderRisk | null> {
  if ((await lstat(path)).isSymbolicLink()) {
    // Without an option, this removes a link or an empty folder, and nothing else.
    return { reason: "it is a link to another folder", command: `rmdir "${path}"` };
  }
  const sddl = await readRights(path, run);
  const others = (accountsWithAccess(sddl, bits) ?? []).filter((other) => other !== sid);
  const command = restrictingCommand(path, `*${sid}`, others);
  if (others.length > 0) return { reason: `accessible to ${others.join(", ")}`, command };
  const owner = await findForeignOwner(path, sddl, [sid], run);
  return owner === null ? null : { reason: `its owner is ${owner}`, command };
}

/**
 * The owner of a folder with the rights `sddl`, if the owner can open it to others and is neither
 * the system, an administrator known by the SID, nor one of `accounts`.
 */
export async function findForeignOwner(
  path: string,
  sddl: string,
  accounts: readonly (string | null)[],
  run: RunWindowsTool,
): Promise<string | null> {
  if (!ownerHasRights(sddl)) return null;
  const owner = await readOwner(path, run);
  return isTrusted(owner) || accounts.includes(owner) ? null : owner;
}
