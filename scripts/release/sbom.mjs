// The software bill of materials: what the archives contain that others have made.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Contrib, Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";

import { bundledPackages } from "../bundled-packages.mjs";
import { RUNTIMES } from "./runtimes.mjs";

const { Builders, Factories } = Contrib.FromNodePackageJson;
const licenses = new Contrib.License.Factories.LicenseFactory(() => false);
const components = new Builders.ComponentBuilder(
  new Factories.ExternalReferenceFactory(),
  licenses,
);

/**
 * A CycloneDX document in JSON: the packages in dist/, keytar, and the runtime of each target. It
 * has neither the time nor a serial number, so that the same release has the same document.
 *
 * @param {string[]} targets Keys of `RUNTIMES`.
 * @returns {Promise<string>}
 */
export async function sbomText(targets) {
  const product = components.makeComponent(await readPackage("."), Enums.ComponentType.Application);
  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: product }) });
  identify(product);
  // `UNLICENSED` is npm's word for it, and no license.
  product.licenses.clear();
  product.licenses.add(new Models.NamedLicense("Proprietary: see the file LICENSE"));
  for (const part of [...(await packageComponents()), ...targets.map(runtimeComponent)]) {
    bom.components.add(part);
    product.dependencies.add(part.bomRef);
  }
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const options = { sortLists: true, space: 2 };
  return `${new Serialize.JsonSerializer(factory).serialize(bom, options)}\n`;
}

async function packageComponents() {
  const folders = [...(await bundledPackages()).keys()];
  const found = await Promise.all(
    folders.map(async (folder) => identify(components.makeComponent(await readPackage(folder)))),
  );
  // Two libraries may bring the same version of a third.
  return [...new Map(found.map((each) => [each.purl, each])).values()];
}

/** Scanners know Node.js by its CPE; the package is where it comes from. */
function runtimeComponent(target) {
  const { package: name, version, integrity } = RUNTIMES[target];
  const runtime = new Models.Component(Enums.ComponentType.Platform, "Node.js", {
    version,
    description: `The runtime in ${target}.`,
    purl: `pkg:npm/${name}@${version}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    bomRef: `pkg:npm/${name}@${version}`,
  });
  runtime.licenses.add(licenses.makeFromString("MIT"));
  const hash = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  runtime.externalReferences.add(
    new Models.ExternalReference(
      `https://registry.npmjs.org/${name}/-/${name}-${version}.tgz`,
      Enums.ExternalReferenceType.Distribution,
      { hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-512"], hash]]) },
    ),
  );
  return runtime;
}

/** Gives a component of npm its package URL. */
function identify(component) {
  const scope = component.group === undefined ? "" : `${component.group.replace("@", "%40")}/`;
  component.purl = `pkg:npm/${scope}${component.name}@${component.version}`;
  component.bomRef.value = component.purl;
  return component;
}

async function readPackage(folder) {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
}
