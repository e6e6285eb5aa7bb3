import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";

import { Ajv, type AnySchemaObject } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "chai";
import { unzipSync } from "fflate";
import { extract, Parser, type ReadEntry } from "tar";

import { MarkdownPage } from "../support/markdown-page-fixture.js";
import { v8OptionAtExit } from "../support/v8-options-fixture.js";
import { skip } from "../support/windows-fixture.js";

const RELEASE = "release";
const FOLDER = "ucx-webex-presence";
const MAX_ARCHIVE_BYTES = 60_000_000;
const SYSTEMS = {
  "win-x64": {
    archive: "zip",
    node: "runtime/node.exe",
    launcher: `${FOLDER}.cmd`,
    tag: "win32-x64",
  },
  "linux-x64": { archive: "tar.gz", node: "runtime/node", launcher: FOLDER, tag: "linux-x64" },
  "darwin-arm64": {
    archive: "tar.gz",
    node: "runtime/node",
    launcher: FOLDER,
    tag: "darwin-arm64",
  },
  "darwin-x64": { archive: "tar.gz", node: "runtime/node", launcher: FOLDER, tag: "darwin-x64" },
} as const;
type System = keyof typeof SYSTEMS;

interface Entry {
  readonly content: Uint8Array;
  /** Permissions, or null in a zip, whose reader does not tell them. */
  readonly mode: number | null;
}

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const archiveName = (system: System): string =>
  `${FOLDER}-${version}-${system}.${SYSTEMS[system].archive}`;
const made = (Object.keys(SYSTEMS) as System[]).filter((system) =>
  existsSync(join(RELEASE, archiveName(system))),
);
const text = (entry: Entry | undefined): string => Buffer.from(entry!.content).toString("utf8");
const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** The files of an archive by their paths in the folder. */
function readArchive(system: System): Map<string, Entry> {
  const bytes = readFileSync(join(RELEASE, archiveName(system)));
  const entries = SYSTEMS[system].archive === "zip" ? readZip(bytes) : readTar(bytes);
  const files = new Map<string, Entry>();
  for (const [path, entry] of entries) {
    expect(path.startsWith(`${FOLDER}/`), path).to.equal(true);
    files.set(path.slice(FOLDER.length + 1), entry);
  }
  return files;
}

function readZip(bytes: Uint8Array): [string, Entry][] {
  return Object.entries(unzipSync(bytes)).map(([path, content]) => [path, { content, mode: null }]);
}

function readTar(bytes: Uint8Array): [string, Entry][] {
  const entries: [string, Entry][] = [];
  const parser = new Parser({
    filter: (_, entry) => (entry as ReadEntry).type === "File",
    onReadEntry: (entry: ReadEntry) => {
      const chunks: Buffer[] = [];
      entry.on("data", (chunk: Buffer) => chunks.push(chunk));
      entry.on("end", () => {
        entries.push([entry.path, { content: Buffer.concat(chunks), mode: entry.mode ?? 0 }]);
      });
    },
  });
  parser.end(gunzipSync(bytes));
  return entries;
}

/** What a tarball says of its folders and files, in its order. */
function readTarHeaders(system: System): ReadEntry[] {
  const entries: ReadEntry[] = [];
  const parser = new Parser({
    onReadEntry: (entry: ReadEntry) => {
      entries.push(entry);
      entry.resume();
    },
  });
  parser.end(gunzipSync(readFileSync(join(RELEASE, archiveName(system)))));
  return entries;
}

/** The folders above a path, each with a slash at its end. */
function parentsOf(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1));
}

/** The links of a page that lead to files. */
function linksOf(path: string, page: string): string[] {
  const links = path.endsWith(".md")
    ? new MarkdownPage(path, page).links
    : [...page.matchAll(/ (?:href|src)="([^"]+)"/g)].map((match) => match[1]!);
  return links.filter((link) => !/^(https?:|mailto:|#)/.test(link));
}

/** The pages of this repository as they are in the folder. */
function expectedPages(): string[] {
  // Files that git ignores, or does not know, do not ship.
  const list = execFileSync("git", ["ls-files", "docs", "examples"], { encoding: "utf8" });
  const docs = list.trim().split("\n");
  const pages = [...docs, "README.md", "CHANGELOG.md"].filter((path) => path.endsWith(".md"));
  const html = pages.map((path) => path.replace(/\.md$/, ".html"));
  const site = ["search-documents.js", "site.css", "site.js"].map((name) => `docs/site/${name}`);
  return [...docs, "README.md", "CHANGELOG.md", ...html, "docs/index.html", ...site];
}

describe("the release", function () {
  this.timeout(60_000);

  before(function () {
    if (made.length > 0) return;
    expect(process.env.CI, "release/ is empty: npm run release makes it").to.equal(undefined);
    skip(this, "release/ is empty: npm run release makes it");
  });

  it("has archives, a bill of materials, the npm package, and checksums of them", () => {
    const others = [`${FOLDER}-${version}.cdx.json`, `${FOLDER}-${version}.tgz`];
    const names = [...made.map(archiveName), ...others].sort();
    expect(readdirSync(RELEASE).sort()).to.deep.equal(["SHA256SUMS", ...names]);
    const lines = names.map((name) => `${sha256(readFileSync(join(RELEASE, name)))}  ${name}\n`);
    expect(readFileSync(join(RELEASE, "SHA256SUMS"), "utf8")).to.equal(lines.join(""));
  });

  it("says in its bill of materials what the archives contain", () => {
    const bom = JSON.parse(
      readFileSync(join(RELEASE, `${FOLDER}-${version}.cdx.json`), "utf8"),
    ) as { components: { name: string; version: string; group?: string }[] };
    const schemas = "node_modules/@cyclonedx/cyclonedx-library/res/schema";
    // The schemas refer to each other by the names of these files.
    const read = (name: string): AnySchemaObject => ({
      ...(JSON.parse(readFileSync(join(schemas, name), "utf8")) as AnySchemaObject),
      $id: `http://cyclonedx.org/schema/${name}`,
    });
    const ajv = new Ajv({ strict: false, validateFormats: false });
    ajv.addSchema(["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"].map(read));
    const isValid = ajv.validate(read("bom-1.6.SNAPSHOT.schema.json"), bom);
    expect(isValid, ajv.errorsText()).to.equal(true);
    expect(bom).to.not.have.any.keys("serialNumber");
    expect(bom).to.not.have.nested.property("metadata.timestamp");

    const listed = bom.components.map(({ group, name, version: its }) =>
      [group, name].filter(Boolean).join("/").concat(" ", its),
    );
    const notices = readFileSync("THIRD-PARTY-NOTICES", "utf8");
    const noticed = [...notices.matchAll(/^-{80}\n(\S+ \S+) \(.*\)\nhttp/gm)].map(
      (found) => found[1]!,
    );
    expect(noticed).to.include("@github/keytar 7.10.6");
    expect(listed.filter((each) => !each.startsWith("Node.js ")).sort()).to.deep.equal(
      [...new Set(noticed)].sort(),
    );
    expect(listed.filter((each) => each.startsWith("Node.js "))).to.have.lengthOf(made.length);
  });

  for (const system of made) {
    describe(`for ${system}`, () => {
      const { node, launcher, tag } = SYSTEMS[system];
      let files = new Map<string, Entry>();

      before(() => {
        files = readArchive(system);
      });

      it("is smaller than 60 MB", () => {
        const { length } = readFileSync(join(RELEASE, archiveName(system)));
        expect(length).to.be.lessThan(MAX_ARCHIVE_BYTES);
      });

      it("is one folder with the files that this system needs, and no others", () => {
        const paths = [...files.keys()].filter((path) => !path.startsWith("dist/"));
        expect(paths.sort()).to.deep.equal(
          [
            ...["LICENSE", "SHA256SUMS", "THIRD-PARTY-NOTICES", launcher, node, "runtime/LICENSE"],
            ...["openrpc.json", "plugin.manifest.json", "plugin.manifest.schema.json"],
            ...["LICENSE.md", "lib/keytar.js", "package.json", `prebuilds/${tag}/keytar.node`].map(
              (path) => `node_modules/keytar/${path}`,
            ),
            ...expectedPages(),
          ].sort(),
        );
        const dist = [...files.keys()].filter((path) => path.startsWith("dist/"));
        expect(dist).to.include.members(["dist/worker.cjs", "dist/cli.cjs", "dist/lib/axios.cjs"]);
        const assets = readdirSync("src", { recursive: true, encoding: "utf8" })
          .map((path) => path.replaceAll("\\", "/"))
          .filter((path) => /\.(html|css|client\.js)$/.test(path));
        expect(assets).to.have.length.greaterThan(2);
        expect(dist).to.include.members(assets.map((path) => `dist/assets/${path}`));
        const others = dist.filter((path) => !/\.(cjs|mjs|map|cache|html|css|js)$/.test(path));
        expect(others.sort()).to.deep.equal(["dist/assets/own-words.txt", "dist/client.d.cts"]);
        const caches = dist.filter((path) => path.endsWith(".cache"));
        expect(caches.filter((path) => !path.endsWith(`-${tag}.cache`))).to.be.empty;
      });

      it("lists the checksum of every file, sorted", () => {
        const paths = [...files.keys()].filter((path) => path !== "SHA256SUMS");
        const lines = paths.sort().map((path) => `${sha256(files.get(path)!.content)}  ${path}\n`);
        expect(text(files.get("SHA256SUMS"))).to.equal(lines.join(""));
      });

      // Windows has no such permission.
      if (SYSTEMS[system].archive !== "zip") {
        it("has programs that can be executed, and other files that cannot", () => {
          const programs = [node, launcher, "dist/cli.cjs"];
          for (const [path, { mode }] of files) {
            expect(mode, path).to.equal(programs.includes(path) ? 0o755 : 0o644);
          }
        });
      }

      if (SYSTEMS[system].archive !== "zip") {
        it("has an entry for each folder, since root's umask must not decide their modes", () => {
          const paths = [...files.keys()].map((path) => `${FOLDER}/${path}`);
          const entries = readTarHeaders(system);
          const folders = entries.filter(({ type }) => type === "Directory");
          expect(folders.map(({ path }) => path)).to.deep.equal(
            [...new Set(paths.flatMap(parentsOf))].sort(),
          );
          for (const { path, mode } of folders) expect(mode, path).to.equal(0o755);
          const times = new Set(entries.map(({ mtime }) => mtime?.getTime()));
          expect([...times], "times").to.have.lengthOf(1);
        });
      }

      it("has a manifest that is valid and whose command is the runtime in the folder", () => {
        const schema = JSON.parse(
          text(files.get("plugin.manifest.schema.json")),
        ) as AnySchemaObject;
        const manifest = JSON.parse(text(files.get("plugin.manifest.json"))) as {
          worker: { command: string; args: string[] };
          rpc: string;
        };
        const ajv = new Ajv2020({ allowUnionTypes: true });
        expect(ajv.validate(schema, manifest), ajv.errorsText()).to.equal(true);
        expect(manifest.worker.command).to.equal(node);
        for (const path of [node, manifest.worker.args[0]!, manifest.rpc]) {
          expect(files.has(path), path).to.equal(true);
        }
      });

      it("has the licenses of everything in it", () => {
        expect(text(files.get("LICENSE"))).to.include("proprietary");
        const license = text(files.get("runtime/LICENSE")).trim();
        expect(license).to.match(/^Node\.js is licensed for use as follows/);
        const notices = text(files.get("THIRD-PARTY-NOTICES"));
        expect(notices).to.include(license);
        expect(notices).to.include("@github/keytar 7.10.6 (MIT)");
      });

      it("has pages whose links lead to files and anchors in the folder", () => {
        const pages = [...files.keys()].filter(
          (path) => /\.(md|html)$/.test(path) && !/^(dist|node_modules)\//.test(path),
        );
        expect(pages).to.include.members(["README.md", "README.html", "docs/index.html"]);
        for (const path of pages) {
          for (const link of linksOf(path, text(files.get(path)))) {
            const { pathname, hash } = new URL(link, `file:///${path}`);
            const target = pathname.slice(1);
            const isThere = [...files.keys()].some(
              (each) => each === target || each.startsWith(`${target.replace(/\/$/, "")}/`),
            );
            expect(isThere, `${path}: ${link}`).to.equal(true);
            if (!path.endsWith(".html")) continue;
            expect(target.endsWith(".md"), `${path}: ${link}`).to.equal(false);
            if (hash === "") continue;
            const id = ` id="${decodeURIComponent(hash.slice(1))}"`;
            expect(text(files.get(target)).includes(id), `${path}: ${link}`).to.equal(true);
          }
        }
      });

      it("names no folder of the machine that made it", () => {
        for (const [path, { content }] of files) {
          // Node's own program names the folders of those who built it.
          if (path === node) continue;
          const latin1 = Buffer.from(content).toString("latin1");
          for (const unexpected of [process.cwd(), "ucx-release-"]) {
            expect(latin1.includes(unexpected), `${path}: ${unexpected}`).to.equal(false);
          }
        }
      });

      it("has lines that its command interpreter can read", () => {
        const lines = text(files.get(launcher)).split("\n").slice(0, -1);
        expect(lines.length).to.be.greaterThan(5);
        const isCmd = launcher.endsWith(".cmd");
        expect(lines.filter((line) => line.endsWith("\r") !== isCmd)).to.deep.equal([]);
      });
    });
  }

  describe("unpacked on this system", () => {
    const here = `${process.platform}-${process.arch}` as System;
    let folder = "";
    const run = (...args: string[]) =>
      spawnSync(join(folder, FOLDER, "runtime", "node"), args, { encoding: "utf8", input: "" });

    before(async function () {
      if (!made.includes(here)) skip(this, `release/ has no archive for ${here}`);
      folder = mkdtempSync(join(tmpdir(), "ucx-unpacked-"));
      await extract({ file: join(RELEASE, archiveName(here)), cwd: folder });
    });

    after(() => {
      if (folder !== "") rmSync(folder, { recursive: true });
    });

    it("has a runtime with long-term support", () => {
      expect(run("-p", "process.release.lts").stdout.trim()).to.match(/^[A-Z][a-z]+$/);
    });

    it("has a code cache that its runtime accepts", () => {
      const maker = resolve("scripts/code-cache-maker.cjs");
      const check = run(maker, "check", join(folder, FOLDER, "dist"));
      expect(check.status, check.stderr).to.equal(0);
    });

    it("compiles no baseline code in a thread, because Node.js may then hang at exit", () => {
      const node = join(folder, FOLDER, "runtime", "node");
      const dist = join(folder, FOLDER, "dist");
      const files = ["--settings", join(folder, "x.ini"), "--log-dir", join(folder, "log")];
      for (const args of [
        [join(dist, "worker.cjs"), ...files, "--secret-store", "memory"],
        [join(dist, "cli.cjs"), "--version"],
      ])
        expect(v8OptionAtExit(node, "concurrent-sparkplug", args), args[0]).to.equal(false);
    });
  });

  it("is the same to the byte when it is made again", function () {
    this.timeout(300_000);
    const second = mkdtempSync(join(tmpdir(), "ucx-second-"));
    try {
      const targets = made.flatMap((system) => ["--target", system]);
      const args = ["scripts/release/main.mjs", ...targets, "--out", second];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      expect(status, stderr).to.equal(0);
      const read = (out: string): string => readFileSync(join(out, "SHA256SUMS"), "utf8");
      expect(read(second)).to.equal(read(RELEASE));
    } finally {
      rmSync(second, { recursive: true, force: true });
    }
  });
});
