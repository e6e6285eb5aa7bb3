// Writes plugin.manifest.json from package.json and the table of settings keys. With --check,
// compares only and exits with 1 on a difference.
import { readFile, writeFile } from "node:fs/promises";
import { manifestSettingKeys } from "../build/src/settings/keys.js";
import { REQUIRED_SCOPES } from "../build/src/authorization/grant.js";
import { OLDEST_CONSOLE, OLDEST_HOST } from "../build/src/supervisor/host-check.js";

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
    command: "node",
    args: ["dist/worker.cjs"],
    settingsArgument: "--settings",
    hostPidArgument: "--host-pid",
    transport: "stdio",
    framing: "content-length",
    protocolVersion: "1.0",
    restart: { policy: "on-failure", delaysSeconds: [1, 5, 30] },
  },
  settings: { file: "Presence.ini", keys: manifestSettingKeys() },
  oauth: { application: "Attendant Console Presence Connector", scopes: REQUIRED_SCOPES },
  network: ["https://webexapis.com", "https://*.imagicle.com", "https://*.api.imagicle.com"],
  rpc: "openrpc.json",
};

const text = `${JSON.stringify(manifest, null, 2)}\n`;
if (process.argv.includes("--check")) {
  const current = await readFile("plugin.manifest.json", "utf8").catch(() => "");
  if (current !== text) {
    console.error("plugin.manifest.json is out of date: run npm run generate.");
    process.exitCode = 1;
  }
} else {
  await writeFile("plugin.manifest.json", text);
}
