// A host for integrators to look at and to run: it prints what an operator would see.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { PresenceClient, type PresenceRecord } from "../src/client/client.js";
import { invocation } from "./invocation.js";

const USAGE = `Usage: ${invocation("host")} --manifest <plugin.manifest.json> --settings <Presence.ini> [--worker-argument <argument>]... [--] <address>...
Prints a line for each change: <address>\\t<state>\\t<reason or ->. A line with an address on stdin
asks for its presence now. The end of stdin, or SIGTERM, ends the host.
`;

interface HostArguments {
  readonly manifestPath: string;
  readonly settingsPath: string;
  readonly workerArguments: readonly string[];
  readonly addresses: readonly string[];
}

/** Writes usage errors to stderr and returns null, as `--help` does after writing to stdout. */
function readArguments(): HostArguments | null {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        manifest: { type: "string" },
        settings: { type: "string" },
        "worker-argument": { type: "string", multiple: true },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return null;
    }
    const { manifest, settings, "worker-argument": workerArguments = [] } = values;
    if (manifest !== undefined && settings !== undefined && positionals.length > 0)
      return {
        manifestPath: manifest,
        settingsPath: settings,
        workerArguments,
        addresses: positionals,
      };
  } catch (error) {
    remark(error);
  }
  process.stderr.write(USAGE);
  process.exitCode = 2;
  return null;
}

function remark(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
}

/** Prints what an operator sees; `freshness` belongs to the answer to a question. */
function show({ uri, state, reason }: PresenceRecord, ...freshness: string[]): void {
  process.stdout.write(`${[uri, state, reason ?? "-", ...freshness].join("\t")}\n`);
}

async function run(options: HostArguments): Promise<void> {
  const { manifestPath, settingsPath, workerArguments, addresses } = options;
  const client = new PresenceClient({
    manifestPath,
    settingsPath,
    args: workerArguments,
    introduction: { host: { name: "Reference host", version: "2021.Summer.3" } },
  });
  let isSubscribed = false;
  const subscribe = async (): Promise<void> => {
    if (isSubscribed) return;
    const subscription = await client.subscribe({ uris: addresses });
    isSubscribed = true;
    const showAll = (records: Iterable<PresenceRecord>): void => {
      for (const record of records) show(record);
    };
    showAll(subscription.records.values());
    subscription.events.on("changed", showAll);
    subscription.events.on("failed", remark);
  };
  client.events.on("stderrLine", (line) => process.stderr.write(`${line}\n`));
  client.events.on("protocolError", remark);
  client.events.on("launchFailed", remark);
  // The client renews a subscription, but one that the first worker did not answer is none yet.
  client.events.on("restarted", () => void subscribe().catch(remark));

  const end = (): void => void client.stop().then(() => process.exit(0));
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  const input = createInterface({ input: process.stdin });
  input.on("close", end);
  input.on("line", (line) => {
    const uri = line.trim();
    if (uri === "") return;
    client
      .refresh(uri)
      .then(({ record, isFresh }) => show(record, isFresh ? "fresh" : "not fresh"))
      .catch(remark);
  });
  await client.start().catch((error: unknown) => {
    // A worker that runs, or that is restarted, can be subscribed to later.
    if (client.pid === null) throw error;
    remark(error);
  });
  await subscribe().catch(remark);
}

const options = readArguments();
if (options !== null) {
  await run(options).catch((error: unknown) => {
    remark(error);
    process.exit(1);
  });
}
