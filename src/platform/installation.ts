import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ReadAsset } from "../ports/assets.js";

declare const WORKER_VERSION: string | undefined;

/** The package's version, written in by the bundler. */
export const version: string = typeof WORKER_VERSION === "undefined" ? "0.0.0" : WORKER_VERSION;

/** The folder that holds `dist/`, the manifest and the OpenRPC document: above the bundle, or where compiled sources are run. */
export const productDirectory: string =
  typeof __dirname === "undefined" ? process.cwd() : join(__dirname, "..");

/** Where the build copies the files that `readAsset` reads. Compiled sources read the originals. */
const assetDirectory: string =
  typeof __dirname === "undefined" ? join(process.cwd(), "src") : join(__dirname, "assets");

export const readAsset: ReadAsset = (name) => readFile(join(assetDirectory, name), "utf8");

/** A JSON document that ships with the product. */
export async function readProductDocument(
  name: "openrpc.json" | "plugin.manifest.json",
): Promise<unknown> {
  return JSON.parse(await readFile(join(productDirectory, name), "utf8"));
}
