import { readFile } from "node:fs/promises";
import { join } from "node:path";

declare const WORKER_VERSION: string | undefined;

/** The package's version, written in by the bundler. */
export const version: string = typeof WORKER_VERSION === "undefined" ? "0.0.0" : WORKER_VERSION;

/** The folder that holds `dist/`, the manifest and the OpenRPC document: above the bundle, or where compiled sources are run. */
export const productDirectory: string =
  typeof __dirname === "undefined" ? process.cwd() : join(__dirname, "..");

/** A JSON document that ships with the product. */
export async function readProductDocument(
  name: "openrpc.json" | "plugin.manifest.json",
): Promise<unknown> {
  return JSON.parse(await readFile(join(productDirectory, name), "utf8"));
}
