import { lstat, stat } from "node:fs/promises";
import { resolve } from "node:path";

import {
  accountsWithAccess,
  describeSid,
  findWorkerAccount,
  LOCAL_SYSTEM,
} from "../platform/folder-rights.js";
import { closingCommand, findForeignOwner, quoteForShell } from "../platform/log-folder-check.js";
import {
  ownSid,
  readRights,
  restrictingCommand,
  runWindowsTool,
  type RunWindowsTool,
} from "../platform/windows-tools.js";
import { ok, skipped, warning, type Check, type Finding } from "./doctor-finding.js";
import { findWriteError, workerFiles } from "./worker-files.js";

const OTHERS_BITS = 0o077;

/**
 * Checks that other accounts can neither read nor change the worker's log folder, and that this one
 * can write to it. `account` is the account that asks, as administrators write it; `run` is null
 * except on Windows.
 */
export function logFolderCheck(
  account: string,
  logDir: string | undefined,
  run: RunWindowsTool | null = process.platform === "win32" ? runWindowsTool : null,
  writeErrorIn: (folder: string) => Promise<string | null> = findWriteError,
): Check & { readonly run: () => Promise<Finding> } {
  return {
    name: "log folder",
    run: async () => {
      const folder = workerFiles(logDir)?.folder;
      if (folder === undefined)
        return skipped("not checked: this account has no home directory; pass --log-dir");
      let mode: number;
      try {
        ({ mode } = await stat(folder));
      } catch (error) {
        const { code = "unknown error" } = error as NodeJS.ErrnoException;
        if (code === "ENOENT")
          return ok(`${folder}: does not exist yet; the worker creates it for its account alone`);
        return skipped(`${folder}: not checked, because this account cannot read it (${code})`);
      }
      const rights =
        run === null ? checkMode(folder, mode) : await checkRights(folder, account, run);
      if (rights.state !== "ok" || (await writeErrorIn(folder)) === null) return rights;
      const command =
        run === null
          ? `chown -R ${account} ${quoteForShell(folder)}`
          : `icacls "${folder}" /grant:r "${account}:(OI)(CI)F"`;
      return warning("logFolderNotWritable", {
        message: `${folder}: ${account} cannot write to it. A worker under this account writes neither log nor status; presence is not affected.`,
        hint: `If the UCX Presence service now runs under ${account}, give it the folder, as an administrator or as root: ${command}`,
      });
    },
  };
}

function checkMode(folder: string, mode: number): Finding {
  if ((mode & OTHERS_BITS) === 0) return ok(`${folder}: closed to other accounts`);
  const text = (mode & 0o777).toString(8).padStart(3, "0");
  return warning("logFolderOpen", {
    message: `${folder} is open to other accounts (mode ${text}). The worker's log contains the one-time key of the authorization page.`,
    hint: `Run: ${closingCommand(folder)} – if systemd creates the folder, set LogsDirectoryMode=0700 or StateDirectoryMode=0700.`,
  });
}

async function checkRights(folder: string, account: string, run: RunWindowsTool): Promise<Finding> {
  const sid = await ownSid(run).catch(() => null);
  let rights: WindowsRights | null;
  try {
    rights = await findRights(folder, sid, run);
  } catch (error) {
    return warning("logFolderUnknown", {
      message: `${folder}: who can read it could not be found out (${(error as Error).message}).`,
      hint: `Check that only SYSTEM, Administrators and the worker's account have rights there: icacls "${folder}"`,
    });
  }
  if (rights === null) {
    return warning("logFolderOpen", {
      message: `${folder} is a link to another folder. Whoever made it may be able to read the worker's log, which contains the one-time key of the authorization page.`,
      hint: `Unless you made it, stop the worker, run as an administrator: rmdir "${folder}" – and start the worker, which creates the folder. Otherwise launch the worker with --log-dir and the folder that the link names.`,
    });
  }
  const { worker, others, owner } = rights;
  const found = owner === null ? others : [...others, `its owner ${owner}`];
  if (found.length === 0) {
    return worker === null || worker === sid
      ? ok(`${folder}: closed to other accounts`)
      : ok(`${folder}: closed to all but ${worker}, which must be the worker's account`);
  }
  const trustee = trusteeOf({ sid, worker, account });
  return warning("logFolderOpen", {
    message: `${folder} is open to ${found.map(describeSid).join(", ")}. The worker's log contains the one-time key of the authorization page.`,
    hint: `If the UCX Presence service runs under ${trustee.replace("*", "")}, run as an administrator: ${restrictingCommand(folder, trustee, others)} – if it runs under another account, name that one instead.`,
  });
}

interface WindowsRights {
  /** The account that is taken for the worker's. */
  readonly worker: string | null;
  readonly others: readonly string[];
  /** Null if the owner cannot open the folder, or is the worker's account or an administrator. */
  readonly owner: string | null;
}

/** Null if the folder is a link, whose own rights are unknown. */
async function findRights(
  folder: string,
  sid: string | null,
  run: RunWindowsTool,
): Promise<WindowsRights | null> {
  // A separator at the end would follow the link.
  if ((await lstat(resolve(folder))).isSymbolicLink()) return null;
  const sddl = await readRights(folder, run);
  const accounts = accountsWithAccess(sddl) ?? [];
  const worker = findWorkerAccount(accounts, sid);
  const others = accounts.filter((other) => other !== worker);
  return { worker, others, owner: await findForeignOwner(folder, sddl, [sid, worker], run) };
}

/** The account for the command that closes the folder, which is not always the one that asks. */
function trusteeOf(accounts: {
  readonly sid: string | null;
  readonly worker: string | null;
  readonly account: string;
}): string {
  const { sid, worker, account } = accounts;
  if (worker !== null && worker !== sid) return `*${worker}`;
  return sid === LOCAL_SYSTEM ? `*${LOCAL_SYSTEM}` : account;
}
