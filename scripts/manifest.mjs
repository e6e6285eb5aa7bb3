// The content of plugin.manifest.json: package.json's version, the settings keys, and the constants
// of the sources.
import { readFile } from "node:fs/promises";
import { manifestSettingKeys } from "../build/src/settings/keys.js";
import { REQUIRED_SCOPES } from "../build/src/authorization/grant.js";
import { OLDEST_CONSOLE, OLDEST_HOST } from "../build/src/supervisor/host-check.js";

/**
 * The text of the manifest. `command` launches the worker: "node" is the program on the host's
 * PATH, and a command with a slash is a path relative to the manifest's folder, such as
 * "runtime/node.exe". Needs compiled sources in build/ and package.json in the current folder.
 */
export async function manifestText({ command = "node" } = {}) {
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  const manifest = {
    manifestVersion: 1,
    id: "ucx.webex-presence",
    name: "Webex presence",
    version,
    description:
      "Shows the Cisco Webex presence of the organization's users in the Attendant Console.",
    host: { name: "Imagicle UCX Suite", minimumVersion: OLDEST_HOST },
    clients: [{ name: "Imagicle Attendant Console", minimumVersion: OLDEST_CONSOLE }],
    worker: {
      command,
      args: ["dist/worker.cjs"],
      settingsArgument: "--settings",
      hostPidArgument: "--host-pid",
      transport: "stdio",
      framing: "content-length",
      protocolVersion: "1.1",
      restart: { policy: "on-failure", delaysSeconds: [1, 5, 30] },
    },
    settings: { file: "Presence.ini", keys: manifestSettingKeys() },
    oauth: { application: "Attendant Console Presence Connector", scopes: REQUIRED_SCOPES },
    network: ["https://webexapis.com", "https://*.imagicle.com", "https://*.api.imagicle.com"],
    rpc: "openrpc.json",
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
