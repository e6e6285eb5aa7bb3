import { join } from "node:path";

import { readBoundedFile } from "../platform/bounded-file.js";
import type { CommandContext, ExitCode } from "./command.js";
import { UsageError } from "./terminal/input.js";
import {
  DENIED_HINT,
  describeNotRunning,
  readStatusFile,
  workerFiles,
  type StatusOfAnyVersion,
} from "./worker-files.js";

const FILE_NAME = "dashboard.json";
const MAX_FILE_BYTES = 16 * 1024;
const ADDRESS = /^http:\/\/localhost:\d{1,5}\/\?key=[\w-]{16,}$/;

type Address =
  { readonly url: string } | { readonly url: null; readonly why: string; readonly hint: string };

/** Prints the address of the running worker's dashboard. 1 if there is none. */
export async function dashboard({ console, options }: CommandContext): Promise<ExitCode> {
  const files = workerFiles(options.logDir);
  if (files === null) {
    throw new UsageError(
      "This account has no home directory, so there is no default folder for the worker's files.",
      "Name the worker's folder with --log-dir.",
    );
  }
  const reading = await readStatusFile(files.status);
  let address: Address;
  if (reading.running) address = await readAddress(files.folder, reading.status);
  else {
    const { message: why, hint } = describeNotRunning(files, reading);
    address = { url: null, why, hint };
  }
  if (address.url === null) {
    const { why, hint } = address;
    console.error(why, hint);
    return console.result({ ok: false, url: null, why, hint });
  }
  console.line(address.url);
  console.note(
    "Open the address in a browser on this machine. Whoever has it can see the dashboard until the worker ends.",
  );
  return console.result({ ok: true, url: address.url });
}

/** `status`: of a running worker. */
async function readAddress(folder: string, status: StatusOfAnyVersion): Promise<Address> {
  const path = join(folder, FILE_NAME);
  let code: string | undefined;
  try {
    const { bytes } = await readBoundedFile(path, MAX_FILE_BYTES);
    const { url, pid } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
    // Another process may have left the file behind.
    if (pid === status.pid && typeof url === "string" && ADDRESS.test(url)) return { url };
  } catch (error) {
    ({ code } = error as NodeJS.ErrnoException);
  }
  return { url: null, ...describeMissing(status, path, code) };
}

/** Tells an administrator why a running worker has no dashboard, and what to do. */
export function describeMissing(
  { settings, problems, version }: StatusOfAnyVersion,
  path: string,
  code: string | undefined,
): { readonly why: string; readonly hint: string } {
  const { "WebexPresence.DashboardPort": port } = settings.values;
  if (port === undefined) {
    return {
      why: `The worker has version ${version}, which has no dashboard.`,
      hint: "Upgrade the worker.",
    };
  }
  if (port === 0) {
    return {
      why: "The dashboard is switched off.",
      hint: `Write WebexPresence.DashboardPort=8468, or another free port, into ${settings.path}. It takes effect within a second.`,
    };
  }
  const conflict = problems.find((problem) => problem.code === "dashboardPortInUse");
  if (conflict !== undefined) return { why: conflict.message, hint: conflict.hint };
  if (code === "EACCES" || code === "EPERM") {
    return {
      why: `The file with the dashboard's address, ${path}, is closed to this account (${code}).`,
      hint: DENIED_HINT,
    };
  }
  return {
    why: `The dashboard is switched on, but there is no address in ${path} yet.`,
    hint: "Run the command again in a moment. If that does not help, the worker's log tells why.",
  };
}
