// A host for integrators to look at and to run: it prints what an operator would see.
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { invocation } from "./invocation.js";
import type { PresenceRecord } from "../src/client/client.js";
import { ReferenceHost } from "./reference-host.js";

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
    process.stderr.write(`${(error as Error).message}\n`);
  }
  process.stderr.write(USAGE);
  process.exitCode = 2;
  return null;
}

interface PresenceChanges {
  readonly subscriptionIds: readonly string[];
  readonly changes: readonly PresenceRecord[];
}

/** What an operator sees. */
class Display {
  readonly #shown = new Map<string, string>();

  /** Prints what differs from what is shown. */
  show({ uri, state, reason }: Pick<PresenceRecord, "uri" | "state" | "reason">): void {
    const line = `${uri}\t${state}\t${reason ?? "-"}`;
    if (this.#shown.get(uri) === line) return;
    this.#shown.set(uri, line);
    process.stdout.write(`${line}\n`);
  }

  /** Prints the answer to a question, also if it is what is shown. */
  showAnswer({ uri, state, reason }: PresenceRecord, isFresh: boolean): void {
    const freshness = isFresh ? "fresh" : "not fresh";
    process.stdout.write(`${uri}\t${state}\t${reason ?? "-"}\t${freshness}\n`);
  }
}

async function run(options: HostArguments): Promise<void> {
  const { manifestPath, settingsPath, workerArguments, addresses } = options;
  const host = new ReferenceHost({ manifestPath, settingsPath, extraArgs: workerArguments });
  const display = new Display();
  let subscriptionId: string | null = null;
  /** What came in one piece with the response to the subscription, and is read after it. */
  let early: PresenceChanges[] = [];
  const remark = (error: unknown): void => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  };

  const apply = ({ subscriptionIds, changes }: PresenceChanges): void => {
    if (subscriptionId === null || !subscriptionIds.includes(subscriptionId)) return;
    for (const change of changes) display.show(change);
  };
  const subscribe = async (): Promise<void> => {
    await host.initialize({ host: { name: "Reference host", version: "2021.Summer.3" } });
    const subscribing = host.request("presence/subscribe", { uris: addresses });
    const subscription = (await subscribing) as {
      readonly subscriptionId: string;
      readonly records: readonly PresenceRecord[];
    };
    ({ subscriptionId } = subscription);
    for (const record of subscription.records) display.show(record);
    for (const changes of early.splice(0)) apply(changes);
  };

  host.on("stderrLine", (line) => process.stderr.write(`${line}\n`));
  host.on("notification", (method, params) => {
    if (method !== "presence/changed") return;
    if (subscriptionId === null) early.push(params as PresenceChanges);
    else apply(params as PresenceChanges);
  });
  host.on("exit", () => {
    subscriptionId = null;
    early = [];
    for (const uri of addresses) display.show({ uri, state: "unknown", reason: "notReady" });
  });
  host.on("restart", () => void subscribe().catch(remark));

  let isEnding = false;
  const end = async (): Promise<void> => {
    if (isEnding) return;
    isEnding = true;
    await host.shutdown();
    process.exit(0);
  };
  process.on("SIGTERM", () => void end());
  process.on("SIGINT", () => void end());
  const input = createInterface({ input: process.stdin });
  input.on("close", () => void end());
  input.on("line", (line) => {
    const uri = line.trim();
    if (uri === "") return;
    host
      .refresh(uri)
      .then(({ record, isFresh }) => display.showAnswer(record, isFresh))
      .catch(remark);
  });
  await host.start();
  await subscribe().catch(remark);
}

const options = readArguments();
if (options !== null) {
  await run(options).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
