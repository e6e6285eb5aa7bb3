import { stat } from "node:fs/promises";

import { describeSid, LOCAL_SYSTEM } from "../platform/folder-rights.js";
import {
  othersWithAccess,
  ownSid,
  restrictingCommand,
  runWindowsTool,
  type RunWindowsTool,
} from "../platform/windows-tools.js";
import { ok, skipped, warning, type Check, type Finding } from "./doctor-finding.js";
import { workerFiles } from "./worker-files.js";

const OTHERS_BITS = 0o077;

/**
 * Checks that other accounts can neither read nor change the worker's log folder. `account` is the
 * account that asks, as administrators write it; `run` is null except on Windows.
 */
export function logFolderCheck(
  account: string,
  logDir: string | undefined,
  run: RunWindowsTool | null = process.platform === "win32" ? runWindowsTool : null,
): Check {
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
      return run === null ? checkMode(folder, mode) : checkRights(folder, account, run);
    },
  };
}

function checkMode(folder: string, mode: number): Finding {
  if ((mode & OTHERS_BITS) === 0) return ok(`${folder}: closed to other accounts`);
  const text = (mode & 0o777).toString(8).padStart(3, "0");
  return warning({
    message: `${folder} is open to other accounts (mode ${text}). The worker's log contains the one-time key of the authorization page.`,
    hint: `Run: chmod 700 '${folder.replaceAll("'", "'\\''")}' – if systemd creates the folder, set LogsDirectoryMode=0700 or StateDirectoryMode=0700.`,
  });
}

async function checkRights(folder: string, account: string, run: RunWindowsTool): Promise<Finding> {
  const sid = await ownSid(run).catch(() => null);
  let others: string[];
  try {
    others = await othersWithAccess(folder, sid, run);
  } catch (error) {
    return warning({
      message: `${folder}: who can read it could not be found out (${(error as Error).message}).`,
      hint: `Check that only SYSTEM, Administrators and the worker's account have rights there: icacls "${folder}"`,
    });
  }
  if (others.length === 0) return ok(`${folder}: closed to other accounts`);
  const owner = sid === LOCAL_SYSTEM ? `*${LOCAL_SYSTEM}` : account;
  return warning({
    message: `${folder} is open to ${others.map(describeSid).join(", ")}. The worker's log contains the one-time key of the authorization page.`,
    hint: `If the UCX Presence service runs under ${account}, run as an administrator: ${restrictingCommand(folder, owner, others)} – if it runs under another account, name that one instead.`,
  });
}
