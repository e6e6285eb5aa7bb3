// Puts together the folder that an administrator installs on one system.
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { ReleaseError } from "./errors.mjs";
import { checksums } from "./files.mjs";
import { RUNTIMES, writeLicense, writeRuntime } from "./runtimes.mjs";
import { writeSite } from "./site.mjs";
import { trackedFiles } from "./source.mjs";

const RULE = "-".repeat(80);
const RUNTIME_LICENSE = "runtime/LICENSE";
const REPOSITORY_PARTS = [
  ...["docs", "examples", "README.md", "CHANGELOG.md", "LICENSE"],
  ...["plugin.manifest.schema.json", "openrpc.json"],
];

/**
 * Writes everything but the code cache and the checksums.
 *
 * @param {string} folder A new folder.
 * @param {import("./targets.mjs").Target} target
 * @param {string} dist The content of dist/, without a code cache.
 * @throws If a part is missing, such as the launcher or keytar's binary for the system.
 */
export async function writeFolder(folder, target, dist) {
  await writeRuntime(target.name, join(folder, target.command));
  await writeLicense(target.name, join(folder, RUNTIME_LICENSE));
  const copies = [
    [dist, "dist"],
    ...["package.json", "LICENSE.md", "lib", keytarBinary(target)].map((path) => [
      `node_modules/keytar/${path}`,
      `node_modules/keytar/${path}`,
    ]),
    ...trackedFiles(REPOSITORY_PARTS).map((path) => [path, path]),
  ];
  for (const [source, path] of copies) await copy(source, join(folder, path));
  await writeManifest(folder, target);
  await writeNotices(folder, target);
  await writeLauncher(folder, target);
  await writeSite(folder);
}

/** The last step: `doctor --installation` compares the folder with this file. */
export async function writeChecksums(folder) {
  await writeFile(join(folder, "SHA256SUMS"), await checksums(folder));
}

function keytarBinary({ platform, arch }) {
  return `prebuilds/${platform}-${arch}/keytar.node`;
}

async function copy(source, target) {
  if (!existsSync(source)) throw new ReleaseError(`${source} is missing, and a release needs it.`);
  await mkdir(dirname(target), { recursive: true });
  await cp(source, target, { recursive: true });
}

/** The host launches the folder's own runtime. */
async function writeManifest(folder, { command }) {
  const manifest = JSON.parse(await readFile("plugin.manifest.json", "utf8"));
  manifest.worker.command = command;
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  await writeFile(join(folder, "plugin.manifest.json"), text);
}

/** The notices of the packages in dist/, and the runtime's license in the same form. */
async function writeNotices(folder, { name, command }) {
  const notices = await readFile("THIRD-PARTY-NOTICES", "utf8");
  const runtimeLicense = await readFile(join(folder, RUNTIME_LICENSE), "utf8");
  const license = runtimeLicense.replaceAll("\r\n", "\n").trim();
  const title = `Node.js ${RUNTIMES[name].version} (MIT, and the licenses of what it contains)`;
  const head = [RULE, title, "https://nodejs.org", `In ${command}`, RULE];
  const text = `${notices}\n\n${head.join("\n")}\n\n${license}\n`;
  await writeFile(join(folder, "THIRD-PARTY-NOTICES"), text);
}

/** cmd reads a file in other places than its author meant if its lines end with LF alone. */
async function writeLauncher(folder, { launcher }) {
  const text = await readFile(join("launchers", launcher), "utf8");
  const isCmd = launcher.endsWith(".cmd");
  await writeFile(join(folder, launcher), isCmd ? text.replace(/\r?\n/g, "\r\n") : text);
}
