import { join } from "node:path";

import type { Logger, LogLevel } from "../ports/logger.js";
import type { PollRequestFile, StatusFile } from "../ports/process.js";
import { createAxiosHttp } from "./axios-http.js";
import { createCertificateReader } from "./certificates.js";
import { readIniLine } from "./ini-line.js";
import { JsonRpcChannel } from "./json-rpc/channel.js";
import { listenOnLoopback } from "./loopback-server.js";
import { nodeProcess, readAsset, readProductDocument, version } from "./node-process.js";
import { KeytarStore, MemoryStore } from "./secret-store.js";
import { nodePollRequestFile } from "./poll-request-file.js";
import { DiskSettingsFile } from "./settings-file.js";
import { nodeStatusFile } from "./status-file.js";
import type { claimStdio } from "./stdio.js";
import { systemClock, systemCrypto, systemRandom } from "./system-clock.js";
import { WinstonLog } from "./winston-log.js";

/** The launch options that select the adapters. */
export interface PortOptions {
  readonly settingsPath: string;
  /** null: write neither a log file nor a status file. */
  readonly logDirectory: string | null;
  readonly logLevel: LogLevel | null;
  readonly secretStore: "keychain" | "memory";
}

/** Creates the worker's adapters for Node. Nothing heavy is loaded before its first use. */
export function nodePorts(options: PortOptions, stdio: ReturnType<typeof claimStdio>) {
  const { logDirectory } = options;
  const log = new WinstonLog(logDirectory, options.logLevel ?? "info");
  warnOfDisabledVerification(log);
  return {
    clock: systemClock,
    random: systemRandom,
    crypto: systemCrypto,
    log,
    process: nodeProcess,
    channel: new JsonRpcChannel(stdio.input, stdio.output),
    settingsFile: new DiskSettingsFile(options.settingsPath),
    readIniLine,
    readCertificates: createCertificateReader(),
    secretStore:
      options.secretStore === "memory" ? new MemoryStore() : new KeytarStore(nodeProcess),
    http: createAxiosHttp,
    pollRequestFile: logDirectory === null ? noPollRequestFile : nodePollRequestFile(logDirectory),
    statusFile: logDirectory === null ? noStatusFile : statusFileIn(logDirectory, log),
    openRpc: () => readProductDocument("openrpc.json"),
    listenOnLoopback,
    readAsset,
    version,
  };
}

const noPollRequestFile: PollRequestFile = { take: () => Promise.resolve(false) };
const noStatusFile: StatusFile = { write: () => Promise.resolve() };

function statusFileIn(directory: string, log: Logger): StatusFile {
  return nodeStatusFile(join(directory, "status.json"), (error) =>
    log.warn(
      "The status file in this folder cannot be written. Presence is not affected, but `status` and monitoring cannot see this worker. The worker tries again every 10 seconds.",
      { directory, code: (error as NodeJS.ErrnoException).code },
    ),
  );
}

function warnOfDisabledVerification(log: Logger): void {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return;
  log.warn(
    "The environment sets NODE_TLS_REJECT_UNAUTHORIZED=0. The worker ignores that and verifies the certificates of Webex and of proxies. To trust the root certificate of a firewall or proxy that inspects TLS, name it in WebexPresence.CaFile.",
  );
}
