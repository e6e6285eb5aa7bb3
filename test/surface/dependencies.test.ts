import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";

import { skipOnWindows } from "../support/windows-fixture.js";

import { MarkdownPage } from "../support/markdown-page-fixture.js";

const fromScripts = (name: string): Promise<unknown> =>
  import(pathToFileURL(join(process.cwd(), "scripts", name)).href);
const { bundledPackages } = (await fromScripts("bundled-packages.mjs")) as {
  bundledPackages: () => Promise<Map<string, unknown>>;
};
const { sbomText } = (await fromScripts("release/sbom.mjs")) as {
  sbomText: (targets: string[]) => Promise<string>;
};

interface LockedPackage {
  readonly name?: string;
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}
interface Component {
  readonly name: string;
  readonly group?: string;
  readonly version: string;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const { text } = new MarkdownPage("docs/dependencies.md");
const { packages } = readJson("package-lock.json") as { packages: Record<string, LockedPackage> };
const { "": root, ...locked } = packages;

/** The part of the page under a heading. */
function section(heading: string): string {
  return text.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
}

/** What the first cells of a section's rows name in code spans. */
function namedIn(heading: string): string[] {
  const cells = [...section(heading).matchAll(/^\| ([^|]*`[^|]*) \|/gm)].map(([, cell]) => cell!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)).sort();
}

describe("docs/dependencies.md", function () {
  this.timeout(30_000);

  let shipped: string[];
  before(async function () {
    skipOnWindows(this, "bundling needs the esbuild of this system; Wine has that of Linux");
    const folders = [...(await bundledPackages()).keys()];
    const found = folders.map((folder) => {
      const { name, version } = readJson(join(folder, "package.json")) as Component;
      return `${name} ${version}`;
    });
    shipped = [...new Set(found)].sort();
  });

  it("names the packages that ship, in their versions, and no others", () => {
    const named = [...section("What ships").matchAll(/`(\S+ \d[^`]*)`/g)].map(([, name]) => name!);
    expect(shipped.length).to.be.greaterThan(50);
    expect([...new Set(named)].sort()).to.deep.equal(shipped);
  });

  it("has the packages of the bill of materials", async () => {
    const { components } = JSON.parse(await sbomText([])) as { components: Component[] };
    const listed = components.map(({ group, name, version }) =>
      [group, name].filter(Boolean).join("/").concat(" ", version),
    );
    expect(listed.sort()).to.deep.equal(shipped);
  });

  it("says of each package that package.json names and the product ships why, and how it is kept", () => {
    const { dependencies, devDependencies } = readJson("package.json") as Record<
      string,
      Record<string, string>
    >;
    const isNamed = (path: string): boolean =>
      path.slice("node_modules/".length) in { ...dependencies, ...devDependencies };
    const direct = Object.entries(locked)
      .filter(([path]) => isNamed(path))
      .map(([path, { name = path.slice("node_modules/".length), version }]) => ({ name, version }))
      .filter(({ name, version }) => shipped.includes(`${name} ${version}`));
    expect(namedIn("Why these")).to.deep.equal(direct.map(({ name }) => name).sort());
    expect(namedIn("How well they are kept")).to.deep.equal(direct.map(({ name }) => name).sort());
    const kept = section("How well they are kept");
    for (const { name, version } of direct)
      expect(kept, "otherwise: node scripts/registry-facts.mjs --record").to.match(
        new RegExp(`\\[\`${name}\`\\]\\(https://github\\.com/[^)]+\\) *\\| ${version} *\\|`),
      );
  });

  it("names the packages that have an install script, none of which may run", () => {
    const withScript = Object.entries(locked)
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path, { name }]) => name ?? path.replace(/^.*node_modules\//, ""));
    expect(namedIn("Install scripts")).to.deep.equal(withScript.sort());
    const denied = Object.fromEntries(withScript.map((name) => [name, false]));
    expect((readJson("package.json") as Record<string, unknown>).allowScripts).to.deep.equal(
      denied,
    );
  });
});

describe("the dependencies", () => {
  it("are named in package.json by an exact version each", () => {
    const { dependencies, devDependencies } = root as unknown as Record<
      string,
      Record<string, string>
    >;
    const named = readJson("package.json") as Record<string, unknown>;
    expect(named.dependencies).to.deep.equal(dependencies);
    expect(named.devDependencies).to.deep.equal(devDependencies);
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
      expect(version, name).to.match(/^(npm:@?[\w/-]+@)?\d+\.\d+\.\d+$/);
  });

  it("are pinned by their content, whichever registry serves them", () => {
    expect(Object.keys(locked).length).to.be.greaterThan(300);
    for (const [
      path,
      { version, integrity, resolved = "https://registry.npmjs.org/" },
    ] of Object.entries(locked)) {
      expect(integrity, path).to.match(/^sha512-[\w+/]{86}==$/);
      expect(version, path).to.match(/^\d+\.\d+\.\d+/);
      expect(resolved, path).to.match(/^https:\/\/registry\.npmjs\.org\//);
    }
  });
});
