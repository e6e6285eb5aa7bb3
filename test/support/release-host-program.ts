// A host that runs with the runtime of a release folder and nothing else: it launches the worker
// from the folder's manifest, takes commands as JSON lines on stdin, and answers them on stdout. A
// test starts it in a chroot or on Windows. It imports only what Node.js has, the reference
// host and the client, so that a few files and a release are all that it needs.
import { createInterface } from "node:readline";

import { ReferenceHost, type ReferenceHostOptions } from "../../simulator/reference-host.js";

type Command =
  | { readonly id: number; readonly operation: "request"; readonly parameters: [string, object?] }
  | { readonly id: number; readonly operation: "kill" | "shutdown"; readonly parameters: [] };

const host = new ReferenceHost(JSON.parse(process.argv[2] ?? "{}") as ReferenceHostOptions);
const write = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

/** Kills the worker, and waits until the restart policy of the manifest has launched another. */
function killAndRestart(): Promise<unknown> {
  const restarted = new Promise((resolve) => host.once("restart", resolve));
  host.kill("SIGKILL");
  return restarted;
}

function execute({ operation, parameters }: Command): Promise<unknown> {
  if (operation === "request") return host.request(...parameters);
  return operation === "kill" ? killAndRestart() : host.shutdown();
}

host.on("stderrLine", (line) => process.stderr.write(`${line}\n`));
try {
  await host.start();
  write({ id: 0, value: { pid: host.pid } });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line) as Command;
    execute(command).then(
      (value) => write({ id: command.id, value: value ?? null }),
      (error: unknown) => write({ id: command.id, error: String(error) }),
    );
  }
  await host.shutdown();
} catch (error) {
  write({ id: 0, error: String(error) });
  process.exitCode = 1;
}
