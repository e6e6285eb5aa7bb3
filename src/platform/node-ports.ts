import { join } from "node:path";

import type { Logger, LogLevel } from "../ports/logger.js";
import type {
  LearnedFile,
  PollRequestFile,
  ReplacedFile,
  TemporaryFile,
} from "../ports/process.js";
import { createAxiosHttp } from "./axios-http.js";
import { createCertificateReader } from "./certificates.js";
import { readIniLine } from "./ini-line.js";
import { nodeTemporaryFile } from "./dashboard-file.js";
import { JsonRpcChannel } from "./json-rpc/channel.js";
import { nodeLearnedFile } from "./learned-file.js";
import { LogFolder, type FolderProblem } from "./log-folder.js";
import { listenOnLoopback } from "./loopback-server.js";
import { readAddresses } from "./network-addresses.js";
import {
  nodeProcess,
  readAsset,
  readProcessUsage,
  readProductDocument,
  version,
} from "./node-process.js";
import { KeytarStore, MemoryStore } from "./secret-store.js";
import { nodePollRequestFile } from "./poll-request-file.js";
import { DiskSettingsFile } from "./settings-file.js";
import { formatMetrics } from "./prom-client-metrics.js";
import { nodeReplacedFile } from "./replaced-file.js";
import type { claimStdio } from "./stdio.js";
import { systemClock, systemCrypto, systemRandom } from "./system-clock.js";
import { WinstonLog } from "./winston-log.js";

/** The launch options that select the adapters. */
export interface PortOptions {
  readonly settingsPath: string;
  /** null: write no file. */
  readonly logDirectory: string | null;
  readonly logLevel: LogLevel | null;
  readonly secretStore: "keychain" | "memory";
}

/** Creates the worker's adapters for Node. Nothing heavy is loaded before its first use. */
export function nodePorts(options: PortOptions, stdio: ReturnType<typeof claimStdio>) {
  const { logDirectory } = options;
  const folder = new LogFolder(logDirectory ?? "", {
    account: nodeProcess.account,
    onProblem: (problem, reason, command) =>
      log.warn(FOLDER_WARNINGS[problem], { directory: logDirectory, reason, command }),
  });
  const makeFolder = (): Promise<void> => folder.make();
  const log: WinstonLog = new WinstonLog(logDirectory, options.logLevel ?? "info", { makeFolder });
  warnOfDisabledVerification(log);
  return {
    clock: systemClock,
    random: systemRandom,
    crypto: systemCrypto,
    log,
    logFile: logDirectory === null ? null : join(logDirectory, "worker.log"),
    process: nodeProcess,
    channel: new JsonRpcChannel(stdio.input, stdio.output),
    settingsFile: new DiskSettingsFile(options.settingsPath),
    readIniLine,
    readCertificates: createCertificateReader(),
    secretStore:
      options.secretStore === "memory" ? new MemoryStore() : new KeytarStore(nodeProcess),
    http: createAxiosHttp,
    readAddresses,
    pollRequestFile: logDirectory === null ? noPollRequestFile : nodePollRequestFile(logDirectory),
    statusFile: logDirectory === null ? noFile : statusFileIn(logDirectory, log, makeFolder),
    learnedFile: logDirectory === null ? noFile : learnedFileIn(logDirectory, log, makeFolder),
    dashboardFile: logDirectory === null ? noFile : dashboardFileIn(logDirectory, log, makeFolder),
    formatMetrics,
    readProcessUsage,
    openRpc: () => readProductDocument("openrpc.json"),
    listenOnLoopback,
    readAsset,
    version,
  };
}

const noPollRequestFile: PollRequestFile = { take: () => Promise.resolve(false) };
const noFile: LearnedFile & TemporaryFile = {
  write: () => Promise.resolve(true),
  remove: () => Promise.resolve(),
  read: () => Promise.resolve(null),
};

function statusFileIn(
  directory: string,
  log: Logger,
  makeFolder: () => Promise<void>,
): ReplacedFile {
  const onFailure = (error: unknown): void =>
    log.warn(
      "The status file in this folder cannot be written. Presence is not affected, but `status` and monitoring cannot see this worker. The worker tries again every 10 seconds.",
      { directory, code: (error as NodeJS.ErrnoException).code },
    );
  return nodeReplacedFile(join(directory, "status.json"), onFailure, { makeFolder });
}

/** What cannot be kept is no warning of its own: it costs the next start some minutes. */
function learnedFileIn(
  directory: string,
  log: Logger,
  makeFolder: () => Promise<void>,
): LearnedFile {
  const onFailure = (error: unknown): void =>
    log.info(
      "The file of what the worker has learned of Webex's limits cannot be written in this folder. Presence is not affected, but after a restart the worker learns them anew.",
      { directory, code: (error as NodeJS.ErrnoException).code },
    );
  return nodeLearnedFile(join(directory, "learned.json"), onFailure, { makeFolder });
}

function dashboardFileIn(
  directory: string,
  log: Logger,
  makeFolder: () => Promise<void>,
): TemporaryFile {
  const onFailure = (error: unknown): void =>
    log.warn(
      "The file with the dashboard's address cannot be written in this folder, so `dashboard` does not find it. The log has the address, too.",
      { directory, code: (error as NodeJS.ErrnoException).code },
    );
  return nodeTemporaryFile(join(directory, "dashboard.json"), onFailure, { makeFolder });
}

const FOLDER_WARNINGS: Readonly<Record<FolderProblem, string>> = {
  notRestricted:
    'The worker has created its log folder, but could not close it to other accounts of this machine. They may be able to read the log, which contains the one-time key of the authorization page. Presence is not affected. "ucx-webex-presence doctor" shows the command that closes the folder; this record, in which backslashes are doubled, has it, too.',
  changeable:
    "Other accounts of this machine can change the worker's log folder. They may be able to read the log, which contains the one-time key of the authorization page, and to have the worker write elsewhere. Presence is not affected. Unless you have chosen these rights, run the command in this record as an administrator or as root. JSON doubles its backslashes.",
  unchecked:
    'The worker could not find out who can change its log folder. Presence is not affected. As an administrator, run "ucx-webex-presence doctor --installation".',
};

function warnOfDisabledVerification(log: Logger): void {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return;
  log.warn(
    "The environment sets NODE_TLS_REJECT_UNAUTHORIZED=0. The worker ignores that and verifies the certificates of Webex and of proxies. To trust the root certificate of a firewall or proxy that inspects TLS, name it in WebexPresence.CaFile.",
  );
}
