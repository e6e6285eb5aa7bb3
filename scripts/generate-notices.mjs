// Writes THIRD-PARTY-NOTICES: the license of every package that the bundles contain, and of keytar,
// which ships beside them. With --check, compares only and exits with 1 on a difference. Fails for
// a package without a license text.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { bundledPackages } from "./bundled-packages.mjs";

const TARGET = "THIRD-PARTY-NOTICES";
const LICENSE_FILE = /^(licen[cs]e|copying|notice|third-?party-?notices)([-.].*)?$/i;
/**
 * Packages published without a license file, and a sibling out of the same repository that has it.
 */
const SAME_REPOSITORY = { "proxy-agent-negotiate": "agent-base" };
const RULE = "-".repeat(80);

function notice(folder, files) {
  const { name, version, license, repository } = readJson(join(folder, "package.json"));
  const texts = licenseTexts(folder, name);
  if (texts.length === 0) {
    throw new Error(`${name} ${version} (${license}) has no license text in ${folder}.`);
  }
  const url = repositoryUrl(repository);
  const where = `In ${[...files].sort().join(", ")}`;
  const head = [RULE, `${name} ${version} (${license})`, url, where, RULE];
  return { name, version, text: [...head, "", texts.join("\n\n"), "", ""].join("\n") };
}

/** The package's license and notice files, else the section "License" of its README. */
function licenseTexts(folder, name) {
  const read = (file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
  const names = readdirSync(folder).sort();
  const files = names.filter((file) => LICENSE_FILE.test(file));
  const readme = names.find((file) => /^readme\.md$/i.test(file));
  if (files.length === 0 && readme !== undefined) {
    // Up to the next heading, or to the definitions of links.
    const [, text = ""] =
      /^License\n-+\n([^]*?Copyright[^]*?)(?=\n#|\n\[|$(?!\n))/m.exec(read(readme)) ?? [];
    return [text.trim().replaceAll("&lt;", "<").replaceAll("&gt;", ">")].filter(Boolean);
  }
  if (files.length === 0 && name in SAME_REPOSITORY) {
    return licenseTexts(join("node_modules", SAME_REPOSITORY[name]), SAME_REPOSITORY[name]);
  }
  return files.map(read).filter(Boolean);
}

function repositoryUrl(repository) {
  const url = (repository?.url ?? repository ?? "").replace(/\.git$/, "");
  const path = url.replace(
    /^(git\+)?(https|git|ssh):\/\/([^@/]+@)?github\.com\/|^git@github\.com:/,
    "",
  );
  return /^[\w-]+\/[\w.-]+$/.test(path) ? `https://github.com/${path}` : url;
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

const notices = [...(await bundledPackages())]
  .map(([folder, files]) => notice(folder, files))
  .sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
const text = [
  "Third-party software in ucx-webex-presence\n",
  "\n",
  "The files in dist/ contain code of the packages below, and keytar ships beside them.\n",
  "Each package is used under the license that follows its name.\n",
  "\n",
  ...notices.map((each) => each.text),
]
  .join("")
  .replace(/[ \t]+$/gm, "")
  .replace(/\n+$/, "\n");

if (!process.argv.includes("--check")) {
  writeFileSync(TARGET, text);
} else if (text !== readFileSync(TARGET, "utf8")) {
  console.error(`${TARGET} is out of date: run npm run generate.`);
  process.exitCode = 1;
}
