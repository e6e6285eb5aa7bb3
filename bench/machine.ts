import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";

const PACKAGES = ["vscode-jsonrpc", "axios", "winston", "chokidar", "zod", "esbuild"];

/** Where and with what the figures were made: they mean nothing without it. */
export function describeMachine(): string {
  const processor = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const [load = 0] = loadavg();
  return [
    `${type()} ${release()} ${arch()}, ${availableParallelism()} × ${processor}, ${memory}, load ${load.toFixed(1)} at the start`,
    `Node ${process.versions.node} (V8 ${process.versions.v8})`,
    PACKAGES.map((name) => `${name} ${installedVersion(name)}`).join(", "),
  ].join("\n");
}

function installedVersion(name: string): string {
  return (
    JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")) as { version: string }
  ).version;
}
