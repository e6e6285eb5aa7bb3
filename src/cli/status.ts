import { toPrintable } from "../faults/foreign-text.js";
import type { ProblemCode } from "../faults/problem-catalog.js";
import type { Problem, WorkerStatus } from "../supervisor/status.js";
import type { CommandContext, ExitCode } from "./command.js";
import { UsageError } from "./terminal/input.js";
import {
  clip,
  displayWidth,
  fieldLines,
  fit,
  formatDateTime,
  formatDuration,
  withLocalTimes,
  wrap,
  type Style,
  type TextFormat,
} from "./terminal/text.js";
import {
  describeNotRunning,
  readStatusFile,
  settingsPathFor,
  workerFiles,
  type OrganizationOfAnyVersion,
  type StatusFileResult,
  type StatusOfAnyVersion,
  type WorkerFiles,
} from "./worker-files.js";

interface Column {
  readonly heading: string;
  readonly align?: "right";
  readonly text: (organization: OrganizationOfAnyVersion, now: number) => string;
}

const PHASES: Readonly<Record<WorkerStatus["phase"], readonly [string, Style]>> = {
  starting: ["starting: reading its settings", "yellow"],
  disabled: ["disabled: WebexPresence.Enable is 0", "yellow"],
  blocked: ["blocked: action required", "red"],
  polling: ["polling", "green"],
  stopping: ["stopping", "yellow"],
};
export const SEVERITY_STYLES: Readonly<Record<Problem["severity"], Style>> = {
  error: "red",
  warning: "yellow",
  info: "grey",
};
const MAX_NAME_WIDTH = 30;
const GAP = "  ";
/** While one of these is present, the worker keeps an authorization open … */
const AUTHORIZATION_CODES: ReadonlySet<ProblemCode> = new Set([
  "authorizationRequired",
  "authorizationExpired",
]);
/** … unless one of these prevents it. */
const PREVENTING_CODES: ReadonlySet<ProblemCode> = new Set([
  "clientNotConfigured",
  "redirectPortInUse",
  "hostTooOld",
  "licenseInvalid",
]);
const COLUMNS: readonly Column[] = [
  { heading: "ORGANIZATION", text: ({ orgName }) => clip(toPrintable(orgName), MAX_NAME_WIDTH) },
  { heading: "PEOPLE", align: "right", text: ({ persons }) => String(persons) },
  { heading: "WATCHED", align: "right", text: ({ watched }) => String(watched) },
  { heading: "MODE", text: ({ mode }) => toPrintable(mode) },
  { heading: "LAST SWEEP", text: lastSweepText },
  { heading: "AGE P50/P95", align: "right", text: agesText },
  { heading: "REQ/MIN", align: "right", text: requestsText },
  { heading: "ON DEMAND", align: "right", text: onDemandText },
];

/** Prints the running worker's status file. 1 if no worker is running or it needs attention. */
export async function status({ console, options }: CommandContext): Promise<ExitCode> {
  const files = locateStatus(options.logDir);
  const reading = await readStatusFile(files.status);
  if (!reading.running) {
    const { message, hint } = describeNotRunning(files, reading);
    console.error(message, hint);
    return console.result(statusResult(files, reading));
  }
  const otherSettings = describeOtherSettings(options.settings, reading.status);
  if (otherSettings !== null) console.note(otherSettings);
  const { status: shown, ageMs } = reading;
  const { log } = files;
  console.lines(statusLines({ status: shown, log, ageMs, now: Date.now(), format: console }));
  return console.result(statusResult(files, reading));
}

/** The files of the worker whose status is to be shown. Throws a `UsageError` if there are none. */
export function locateStatus(logDir: string | undefined): WorkerFiles {
  const files = workerFiles(logDir);
  if (files !== null) return files;
  throw new UsageError(
    "This account has no home directory, so there is no default folder for the status file.",
    "Pass the worker's folder: ucx-webex-presence status --log-dir <dir>",
  );
}

/** A sentence if the running worker uses another settings file than `--settings`, else null. */
export function describeOtherSettings(
  settings: string | undefined,
  { settings: { path } }: StatusOfAnyVersion,
): string | null {
  if (settings === undefined || settingsPathFor(settings) === path) return null;
  return `The running worker uses a different settings file: ${path}`;
}

/** The JSON object of `--json`. */
export function statusResult(files: WorkerFiles, reading: StatusFileResult) {
  const { status: file } = files;
  const ageSeconds = reading.ageMs === null ? null : Math.round(reading.ageMs / 1000);
  if (reading.running) {
    const ok = !needsAttention(reading.status);
    return { ...reading.status, ok, running: true, file, ageSeconds };
  }
  const { message: why } = describeNotRunning(files, reading);
  return { ...reading.status, ok: false, running: false, file, ageSeconds, why };
}

/** Whether an administrator needs to act. Not while the worker is disabled. */
export function needsAttention({ phase, problems }: StatusOfAnyVersion): boolean {
  if (phase === "blocked") return true;
  return phase === "polling" && problems.some(({ severity }) => severity === "error");
}

interface StatusView {
  readonly status: StatusOfAnyVersion;
  /** The path of the worker's log. */
  readonly log: string;
  readonly ageMs: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly format: TextFormat;
}

/** Renders general fields, the organizations, and the problems with hints. */
export function statusLines({ status, log, ageMs, now, format }: StatusView): string[] {
  const { paint, width } = format;
  const [phase, style] = PHASES[status.phase];
  const { pid, version, startedAt, secretStore, since, organizations, problems } = status;
  const { path, loadedAt } = status.settings;
  const loaded = loadedAt === null ? "not read yet" : `read ${formatDateTime(loadedAt)}`;
  const fields: [string, string][] = [
    ["Phase", `${paint(phase, style)}, for ${formatDuration(now - Date.parse(since))}`],
    ["Process", `${pid}, version ${toPrintable(version)}, started ${formatDateTime(startedAt)}`],
    ["Settings", `${toPrintable(path)} (${loaded})`],
    ["Secrets", secretStore === "keychain" ? "in the keychain" : "in memory, lost on exit"],
    ["Log", toPrintable(log)],
    ["Updated", `${formatDuration(ageMs)} ago`],
  ];
  return [
    paint("Webex presence worker", "bold"),
    ...fieldLines(fields, width),
    "",
    ...organizationLines(organizations, now, format),
    "",
    ...problemLines(problems, now, format),
    ...wrapAll(authorizationTexts(status, log), width),
  ];
}

/** A table or, in a terminal that is too narrow for it, a list for each organization. */
function organizationLines(
  organizations: readonly OrganizationOfAnyVersion[],
  now: number,
  format: TextFormat,
): string[] {
  if (organizations.length === 0) return ["No organization is authorized."];
  const { paint, width } = format;
  const rows = organizations.map((organization) =>
    COLUMNS.map(({ text }) => text(organization, now)),
  );
  const widths = COLUMNS.map(({ heading }, column) =>
    Math.max(heading.length, ...rows.map((row) => displayWidth(row[column] ?? ""))),
  );
  const tableWidth = widths.reduce((sum, each) => sum + each + GAP.length, -GAP.length);
  if (tableWidth > width) return organizationLists(organizations, now, format);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => fit(cell, widths[column] ?? 0, COLUMNS[column]?.align))
      .join(GAP)
      .trimEnd();
  return [paint(line(COLUMNS.map(({ heading }) => heading)), "bold"), ...rows.map(line)];
}

function organizationLists(
  organizations: readonly OrganizationOfAnyVersion[],
  now: number,
  { paint, width }: TextFormat,
): string[] {
  return organizations.flatMap((organization, index) => {
    const { orgName, persons, watched, mode } = organization;
    const fields: [string, string][] = [
      ["People", String(persons)],
      ["Watched", String(watched)],
      ["Mode", toPrintable(mode)],
      ["Last sweep", lastSweepText(organization, now)],
      ["Age P50/P95", agesText(organization)],
      ["Requests/min", requestsText(organization)],
      ["On demand/min", onDemandText(organization)],
    ];
    const name = paint(clip(toPrintable(orgName), width), "bold");
    return [...(index === 0 ? [] : [""]), name, ...fieldLines(fields, width)];
  });
}

/**
 * Where to find what an administrator needs for the authorization that the worker keeps open. The
 * status file does not contain it, because the key of the page is a secret.
 */
function authorizationTexts(
  { phase, problems, settings }: StatusOfAnyVersion,
  log: string,
): string[] {
  const { "WebexPresence.Authorize": method, "WebexPresence.LogLevel": level } = settings.values;
  const codes = problems.map(({ code }) => code);
  const isOpen =
    (phase === "blocked" || phase === "polling") &&
    codes.some((code) => AUTHORIZATION_CODES.has(code)) &&
    !codes.some((code) => PREVENTING_CODES.has(code));
  if (!isOpen || level === "warn" || level === "error") return [];
  switch (method) {
    case "browser":
      return [
        "",
        `The address of the authorization page is in ${log}: search for "To authorize". The latest one counts.`,
      ];
    case "device":
      return [
        "",
        `The address and the code for the authorization are in ${log}: search for "userCode". The latest ones count.`,
      ];
    default:
      return [];
  }
}

function wrapAll(texts: readonly string[], width: number): string[] {
  return texts.flatMap((text) => wrap(toPrintable(text), width, 0));
}

function problemLines(
  problems: readonly Problem[],
  now: number,
  { paint, width }: TextFormat,
): string[] {
  if (problems.length === 0) return ["No problems."];
  return [
    paint("PROBLEMS", "bold"),
    ...problems.flatMap(({ severity, code, message, hint }) => {
      const [text, advice] = [message, hint].map((each) => toPrintable(withLocalTimes(each, now)));
      const [first = "", ...rest] = wrap(`${severity} ${code}: ${text}`, width, 2);
      const hintLines = wrap(`→ ${advice}`, width - 2, 2).map((line) => `  ${line}`);
      const label = paint(severity, SEVERITY_STYLES[severity], "bold");
      return [first.replace(severity, label), ...rest, ...hintLines];
    }),
  ];
}

function lastSweepText(
  { lastSweep, sweepProgress }: OrganizationOfAnyVersion,
  now: number,
): string {
  if (lastSweep === null)
    return sweepProgress === null ? "none yet" : `in progress, ${sweepProgress.persons} so far`;
  const endedAt = Date.parse(lastSweep.startedAt) + lastSweep.seconds * 1000;
  const ended = `${formatDuration(now - endedAt)} ago, took ${lastSweep.seconds.toFixed(1)} s`;
  return sweepProgress === null ? ended : `${ended}; now at ${sweepProgress.persons}`;
}

function agesText({ ageSeconds: { watchedP50, watchedP95 } }: OrganizationOfAnyVersion): string {
  if (watchedP50 === null || watchedP95 === null) return "–";
  return `${Math.round(watchedP50)}/${Math.round(watchedP95)} s`;
}

function requestsText({
  requests: { lastMinute, perMinuteLimit },
}: OrganizationOfAnyVersion): string {
  return `${lastMinute} of ${perMinuteLimit}`;
}

function onDemandText({ onDemand }: OrganizationOfAnyVersion): string {
  if (onDemand === undefined) return "–";
  const { lastMinute, late } = onDemand;
  return late === 0 ? String(lastMinute) : `${lastMinute}, ${late} late`;
}
