// Wine, where tests and the release need Windows programs on Linux. Wine is not Windows.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { atEnd, temporaryFolder } from "./at-end.mjs";

/** Debian's wine64 does not put its programs on the PATH. */
export const WINE = "/usr/lib/wine/wine64";
const WINE_SERVER = "/usr/lib/wine/wineserver64";

const PREPARATION_LIMIT_MS = 120_000;

export function hasWine() {
  return existsSync(WINE) && existsSync(WINE_SERVER);
}

/** Wine shows the root folder as drive Z:. */
export function windowsPath(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}

/**
 * Makes a Wine prefix, an empty Windows 10, in a temporary folder; takes about five seconds.
 *
 * @returns {Promise<{ folder: string, env: Record<string, string>, killAll: () => void,
 *   close: () => void }>} `env` is the environment for `WINE`, and `folder` has room for other
 *   files. `killAll` ends every process in the prefix, and `close` also removes the folder.
 * @throws If Wine cannot make the prefix.
 */
export async function createPrefix() {
  const { folder, remove } = temporaryFolder("ucx-wine-");
  const env = {
    PATH: process.env.PATH,
    // Wine links folders of the user's profile to the home folder, where nothing may be written.
    HOME: folder,
    // Wine stores file names in the locale's encoding.
    LC_ALL: "C.UTF-8",
    WINEPREFIX: join(folder, "prefix"),
    WINEDEBUG: "-all",
    // No menu entries, .NET or HTML engine, which Wine would offer to install.
    WINEDLLOVERRIDES: "winemenubuilder.exe=d;mscoree=d;mshtml=d",
  };
  const killAll = () => spawnSync(WINE_SERVER, ["-k"], { env, stdio: "ignore" });
  // The server would outlive this process.
  const close = atEnd(() => {
    killAll();
    // The server ends after the last process that it has killed.
    spawnSync(WINE_SERVER, ["-w"], { env, stdio: "ignore", timeout: PREPARATION_LIMIT_MS });
    remove();
  });
  try {
    mkdirSync(env.WINEPREFIX);
    // Otherwise the server ends and starts anew between two processes.
    await run(env, WINE_SERVER, "-p");
    await run(env, WINE, "wineboot", "--init");
    await run(env, WINE, "winecfg", "-v", "win10");
  } catch (error) {
    close();
    throw error;
  }
  return { folder, env, killAll, close };
}

/** Without pipes, which processes that stay would keep open. */
async function run(env, command, ...args) {
  const child = spawn(command, args, { env, stdio: "ignore", timeout: PREPARATION_LIMIT_MS });
  const [status, signal] = await once(child, "exit");
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${status ?? signal}`);
}
