import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { constants, hostname, release, totalmem, version as systemVersion } from "node:os";
import { basename, join } from "node:path";

import { asFault } from "../faults/fault.js";
import {
  isServiceAccount,
  Pseudonymizer,
  type PseudonymizerOptions,
  type ReplacedKind,
} from "../faults/pseudonymizer.js";
import { Secret } from "../faults/secret.js";
import { readBoundedFile, UnsuitableFile } from "../platform/bounded-file.js";
import { readIniLine } from "../platform/ini-line.js";
import {
  homeDirectory,
  nodeProcess,
  productDirectory,
  readAsset,
  readProductDocument,
  version,
} from "../platform/node-process.js";
import { decodeSettings } from "../settings/decode.js";
import {
  defaultSettings,
  displayValue,
  fileValue,
  SETTING_FIELDS,
  SETTING_KEYS,
} from "../settings/keys.js";
import { parseSettings } from "../settings/parse.js";
import type { Problem } from "../supervisor/status.js";
import type { CommandContext } from "./command.js";
import { runChecks, type CheckReport } from "./doctor-checks.js";
import { findingLines, summaryText } from "./doctor-finding.js";
import { createSession, type Session } from "./session.js";
import { readStatusFile, workerFiles, type StatusFileResult } from "./worker-files.js";

/** What the bundle contains beside the log. All texts are redacted. */
export interface BundleContent {
  readonly pseudonymizer: Pseudonymizer;
  /** Of the keychain and the environment; empty if the keychain cannot be read. */
  readonly secrets: readonly Secret[];
  readonly files: readonly { readonly name: string; readonly text: string }[];
  /** The one sentence of `doctor`, or null if it did not end. */
  readonly conclusion: string | null;
  /** Whether a worker runs, in words. */
  readonly worker: string;
  readonly hasStatus: boolean;
  readonly problems: readonly {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  }[];
  /** What could not be had, a sentence each. */
  readonly notes: readonly string[];
}

interface Known {
  readonly replaced: { readonly kind: ReplacedKind; readonly text: string }[];
  readonly kept: string[];
  readonly secrets: Secret[];
}

const MAX_SETTINGS_BYTES = 2 ** 20;
const MAX_LEARNED_BYTES = 2 ** 20;
/** Checks of a network that does not answer take long. */
const DOCTOR_TIMEOUT_MS = 90_000;
const PLAIN = { paint: (text: string): string => text, width: Number.POSITIVE_INFINITY };
const PROXY_VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"];
/** What changes how Node.js, the keychain or the worker behave. Their values may name a person. */
const REPORTED_VARIABLES = [
  ...PROXY_VARIABLES,
  ...[
    "NO_PROXY",
    "no_proxy",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
  ],
  ...["NODE_DEBUG", "DEBUG", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "TZ"],
  ...["LANG", "LC_ALL", "PROGRAMDATA"],
];
const CHECKED_FILES = [
  ...["plugin.manifest.json", "openrpc.json", "SHA256SUMS", "dist/worker.cjs", "dist/cli.cjs"],
  "dist/lib/worker.cjs",
];

/** Rejects only if it is cancelled: what cannot be had becomes a note. */
export async function collectContent(
  context: CommandContext,
  onStep: (step: string) => void,
): Promise<BundleContent> {
  const { options, signal } = context;
  const notes: string[] = [];
  onStep("status");
  const statusPath = workerFiles(options.logDir)?.status ?? null;
  const status = statusPath === null ? null : await readStatusFile(statusPath);
  const known = knownOfSystem();
  addStatus(known, status);
  onStep("keychain");
  const settingsPath = await addSession(context, known, notes);
  const words = await readAsset("own-words.txt").catch(() => "");
  if (words === "")
    notes.push("The list of the product's words is missing, so that most words are replaced.");
  const pseudonymizer = createPseudonymizer(words, known);

  onStep("settings");
  const settings = await settingsText(settingsPath, pseudonymizer);
  onStep("learned.json");
  const learned = await learnedText(options.logDir, pseudonymizer, notes);
  onStep("doctor");
  const doctor = await doctorFiles(context, pseudonymizer, notes, onStep);
  signal.throwIfAborted();
  onStep("versions");
  const versions = await versionsText(pseudonymizer, status);
  const running = status?.status ?? null;
  return {
    pseudonymizer,
    secrets: known.secrets,
    files: [
      ...doctor.files,
      ...(running === null
        ? []
        : [{ name: "status.json", text: toJson(pseudonymizer.value(running)) }]),
      { name: "settings.txt", text: settings },
      ...(learned === null ? [] : [{ name: "learned.json", text: learned }]),
      { name: "versions.json", text: versions },
    ],
    conclusion: doctor.conclusion,
    worker: pseudonymizer.text(describeWorker(status)),
    hasStatus: running !== null,
    problems: (running?.problems ?? []).toSorted(byUrgency).map(({ code, message, hint }) => ({
      code: pseudonymizer.text(code),
      message: pseudonymizer.text(message),
      hint: pseudonymizer.text(hint),
    })),
    notes: notes.map((note) => pseudonymizer.text(note)),
  };
}

/** The most severe first, and of those the newest. */
function byUrgency(a: Problem, b: Problem): number {
  const severities = ["error", "warning", "info"];
  const difference = severities.indexOf(a.severity) - severities.indexOf(b.severity);
  return difference === 0 ? Date.parse(b.since) - Date.parse(a.since) : difference;
}

/** `words`: a word a line. */
function createPseudonymizer(
  words: string,
  { replaced, kept }: Pick<Required<PseudonymizerOptions>, "replaced" | "kept">,
): Pseudonymizer {
  const vocabulary = new Set([...words.split("\n"), ...Object.keys(constants.errno)]);
  return new Pseudonymizer({ vocabulary, replaced, kept });
}

/** What is personal of this machine and its environment. */
function knownOfSystem(): Known {
  const known: Known = { replaced: [], kept: ["localhost"], secrets: [] };
  const { account } = nodeProcess;
  const home = homeDirectory();
  const users = [account, account.split("\\").at(-1), home === null ? null : basename(home)];
  const { USER, LOGNAME, USERNAME, SUDO_USER } = process.env;
  for (const text of [...users, USER, LOGNAME, USERNAME, SUDO_USER])
    if (text !== undefined && text !== null && !isServiceAccount(text))
      known.replaced.push({ kind: "user", text });
  // A container can be named after its service.
  if (!isServiceAccount(hostname())) known.replaced.push({ kind: "host", text: hostname() });
  for (const name of PROXY_VARIABLES) addUrl(known, process.env[name] ?? "");
  return known;
}

/** Keeps the host of an address, and replaces its user and password. */
function addUrl(known: Known, url: string): void {
  if (!URL.canParse(url)) return;
  const { hostname: name, host, username, password } = new URL(url);
  known.kept.push(host, name);
  const user = decodeText(username);
  if (user !== "" && !isServiceAccount(user)) known.replaced.push({ kind: "user", text: user });
  if (password === "") return;
  known.replaced.push({ kind: "secret", text: decodeText(password) });
  known.secrets.push(new Secret(decodeText(password)));
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function addStatus(known: Known, reading: StatusFileResult | null): void {
  for (const { orgName, orgId } of reading?.status?.organizations ?? []) {
    known.replaced.push({ kind: "organization", text: orgName });
    known.kept.push(orgId);
  }
}

/** What settings and keychain say, and the path of the settings file, or null. */
async function addSession(
  { options }: CommandContext,
  known: Known,
  notes: string[],
): Promise<string | null> {
  let session: Session;
  try {
    session = await createSession(options);
  } catch (error) {
    notes.push(`The settings could not be read: ${asFault(error).message}`);
    return null;
  }
  try {
    const { settings, grantStore, settingsPath } = session;
    addUrl(known, settings.apiUrl);
    addUrl(known, settings.proxy);
    const manifest = (await readProductDocument("plugin.manifest.json").catch(() => null)) as {
      network?: string[];
    } | null;
    for (const address of manifest?.network ?? []) addUrl(known, address.replace("://*.", "://"));
    await session.open();
    const { state } = grantStore;
    if (state.kind === "unavailable")
      notes.push(`The keychain could not be read: ${state.fault.message}`);
    for (const { orgName, orgId, authorizedBy } of state.kind === "ready" ? state.grants : []) {
      known.replaced.push({ kind: "organization", text: orgName });
      if (authorizedBy !== null) known.replaced.push({ kind: "person", text: authorizedBy });
      known.kept.push(orgId);
    }
    for (const secret of grantStore.secrets()) {
      known.secrets.push(secret);
      known.replaced.push({ kind: "secret", text: secret.reveal() });
    }
    return settingsPath;
  } finally {
    await session.close();
  }
}

function describeWorker(reading: StatusFileResult | null): string {
  if (reading === null)
    return "unknown: this account has no home directory, and no --log-dir is given";
  const { running, status } = reading;
  if (running) {
    const { pid, version: running, phase, startedAt, since } = reading.status;
    return `running: process ${pid}, version ${running}, started ${startedAt}, ${phase} since ${since}`;
  }
  const last =
    status === null ? "" : `; its last status is of version ${status.version}, ${status.phase}`;
  const { reason } = reading;
  const why =
    reason.kind === "missing"
      ? "there is no status.json"
      : reason.kind === "unreadable"
        ? `status.json cannot be read (${reason.code})`
        : reason.text;
  return `not running: ${why}${last}`;
}

/** The worker's own keys, with their lines. Nothing else of the file. */
async function settingsText(path: string | null, pseudonymizer: Pseudonymizer): Promise<string> {
  if (path === null)
    return "No settings file: none was named with --settings, and this system has no default.\n";
  const lines = [`Settings file: ${path}`];
  try {
    const { bytes, stats } = await readBoundedFile(path, MAX_SETTINGS_BYTES);
    lines.push(`${stats.size} bytes, changed ${stats.mtime.toISOString()}`);
    const decoded = decodeSettings(bytes);
    if (decoded.kind === "text") lines.push("", ...settingLines(decoded.text));
    else lines.push(`It cannot be decoded: ${decoded.reason}`);
  } catch (error) {
    lines.push(`It cannot be read: ${describeReadError(error)}`);
  }
  lines.push("", "Other lines of the file are not in this bundle.", "");
  return pseudonymizer.text(lines.join("\n"));
}

function settingLines(text: string): string[] {
  const { settings, lines, problems } = parseSettings(text, readIniLine, defaultSettings);
  const rows = SETTING_FIELDS.map((field) => {
    const value = displayValue(field, settings[field]);
    const shown = value === null || value === "" ? "(empty)" : fileValue(value);
    const line = lines.get(field);
    const place = line === undefined ? "default" : `line ${line}`;
    return `${place.padEnd(10)}${SETTING_KEYS[field].name} = ${shown}`;
  });
  const findings = problems.map(({ code, message, hint }) => `${code}: ${message} ${hint}`);
  return [...rows, ...(findings.length === 0 ? [] : ["", "Problems:", ...findings])];
}

async function learnedText(
  logDir: string | undefined,
  pseudonymizer: Pseudonymizer,
  notes: string[],
): Promise<string | null> {
  const folder = workerFiles(logDir)?.folder;
  if (folder === undefined) return null;
  try {
    const { bytes } = await readBoundedFile(join(folder, "learned.json"), MAX_LEARNED_BYTES);
    const text = bytes.toString("utf8");
    try {
      return toJson(pseudonymizer.value(JSON.parse(text)));
    } catch {
      return pseudonymizer.text(text);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT")
      notes.push(`learned.json cannot be read: ${describeReadError(error)}`);
    return null;
  }
}

async function doctorFiles(
  { options, signal }: CommandContext,
  pseudonymizer: Pseudonymizer,
  notes: string[],
  onStep: (step: string) => void,
): Promise<Pick<BundleContent, "conclusion" | "files">> {
  const deadline = AbortSignal.timeout(DOCTOR_TIMEOUT_MS);
  try {
    const report = await runChecks(options, AbortSignal.any([signal, deadline]), {
      onProgress: ({ done, total }) => onStep(`doctor, ${done} of ${total} checks`),
    });
    const shown = pseudonymizer.value(report) as CheckReport;
    const { failed, warnings, conclusion, checks } = shown;
    const text = [
      ...(conclusion === undefined ? [] : [conclusion.text, ""]),
      ...checks.flatMap((finding) => findingLines(finding.name, finding, PLAIN)),
      ...["", summaryText(failed, warnings, PLAIN.paint), ""],
    ].join("\n");
    return {
      conclusion: conclusion?.text ?? null,
      files: [
        { name: "doctor.txt", text },
        { name: "doctor.json", text: toJson(shown) },
      ],
    };
  } catch (error) {
    if (signal.aborted) throw error;
    notes.push(
      deadline.aborted
        ? `doctor did not end within ${DOCTOR_TIMEOUT_MS / 1000} s, and its findings are missing.`
        : `doctor could not run: ${asFault(error).message}`,
    );
    return { conclusion: null, files: [] };
  }
}

async function versionsText(
  pseudonymizer: Pseudonymizer,
  status: StatusFileResult | null,
): Promise<string> {
  const checksums = await Promise.all(
    CHECKED_FILES.map(async (path) => [path, await checksum(path)]),
  );
  const { node, v8, openssl, uv, zlib, modules } = process.versions;
  const shown = {
    product: version,
    runningWorker: pseudonymizer.value(status?.status?.version ?? null),
    node: { node, v8, openssl, uv, zlib, modules },
    runtime: pseudonymizer.text(process.execPath),
    folder: pseudonymizer.text(productDirectory),
    system: {
      ...{ platform: process.platform, arch: process.arch, release: release() },
      ...{ version: systemVersion(), memoryBytes: totalmem() },
      account: pseudonymizer.text(nodeProcess.account),
      timeZoneOffsetMinutes: -new Date().getTimezoneOffset(),
    },
    createdAt: new Date().toISOString(),
    sha256: Object.fromEntries(checksums) as Record<string, string | null>,
    environment: Object.fromEntries(
      REPORTED_VARIABLES.map((name) => [name, process.env[name] === undefined ? "not set" : "set"]),
    ),
  };
  return toJson(shown);
}

async function checksum(path: string): Promise<string | null> {
  try {
    const content = await readFile(join(productDirectory, path));
    return createHash("sha256").update(content).digest("hex");
  } catch {
    return null;
  }
}

function describeReadError(error: unknown): string {
  if (error instanceof UnsuitableFile) return `it ${error.message}`;
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
