import type { OrganizationStatus, Problem, WorkerStatus } from "../supervisor/status.js";
import { fieldLines, wrapWords } from "./paragraph.js";
import type { Paint, Style } from "./terminal-style.js";
import { clip, displayWidth, fit, sanitize } from "./terminal/text.js";
import { formatDateTime, formatDuration } from "./time-text.js";

interface RenderOptions {
  readonly paint: Paint;
  readonly width: number;
  /** ms since 1970 */
  readonly now: number;
}

interface Column {
  readonly heading: string;
  readonly align: "left" | "right";
  readonly text: (organization: OrganizationStatus, now: number) => string;
}

const PHASE: Readonly<Record<WorkerStatus["phase"], readonly [string, Style]>> = {
  starting: ["starting: the settings are being read", "yellow"],
  disabled: ["disabled: WebexPresence.Enable is 0", "yellow"],
  blocked: ["blocked: somebody has to act", "red"],
  polling: ["polling", "green"],
  stopping: ["stopping", "yellow"],
};
const SEVERITY: Readonly<Record<Problem["severity"], Style>> = {
  error: "red",
  warning: "yellow",
  info: "grey",
};
const LONGEST_NAME = 30;

const COLUMNS: readonly Column[] = [
  {
    heading: "ORGANIZATION",
    align: "left",
    text: ({ orgName }) => clip(sanitize(orgName), LONGEST_NAME),
  },
  { heading: "PEOPLE", align: "right", text: ({ persons }) => String(persons) },
  { heading: "WATCHED", align: "right", text: ({ watched }) => String(watched) },
  { heading: "MODE", align: "left", text: ({ mode }) => mode },
  { heading: "LAST SWEEP", align: "left", text: lastSweep },
  { heading: "AGE P50/P95", align: "right", text: ages },
  {
    heading: "REQUESTS/MIN",
    align: "right",
    text: ({ requests }) => `${requests.lastMinute} of ${requests.perMinuteLimit}`,
  },
];

/** Whether somebody has to do something: a worker switched off is as it should be. */
export function needsAttention({ phase, problems }: WorkerStatus): boolean {
  return (
    phase === "blocked" ||
    (phase === "polling" && problems.some(({ severity }) => severity === "error"))
  );
}

/** A running worker's status for people: facts, a table of organizations, problems with what to do. */
export function statusLines(status: WorkerStatus, ageMs: number, options: RenderOptions): string[] {
  const { paint, width, now } = options;
  const [phase, style] = PHASE[status.phase];
  const { path, loadedAt } = status.settings;
  const facts: [string, string][] = [
    ["Phase", `${paint(phase, style)}, for ${formatDuration(now - Date.parse(status.since))}`],
    [
      "Process",
      `${status.pid}, version ${status.version}, started ${formatDateTime(status.startedAt)}`,
    ],
    [
      "Settings",
      `${path} (${loadedAt === null ? "not read" : `read ${formatDateTime(loadedAt)}`})`,
    ],
    [
      "Secrets",
      status.secretStore === "keychain"
        ? "in the keychain"
        : "in memory only: gone when the worker ends",
    ],
    ["Written", `${formatDuration(ageMs)} ago`],
  ];
  return [
    paint("Webex presence worker", "bold"),
    ...fieldLines(facts, width, 2),
    "",
    ...organizationLines(status.organizations, options),
    ...problemLines(status.problems, options),
  ];
}

function organizationLines(
  organizations: readonly OrganizationStatus[],
  { paint, now }: RenderOptions,
): string[] {
  if (organizations.length === 0) return ["No organization is authorized."];
  const rows = organizations.map((organization) =>
    COLUMNS.map(({ text }) => text(organization, now)),
  );
  const widths = COLUMNS.map(({ heading }, column) =>
    Math.max(heading.length, ...rows.map((row) => displayWidth(row[column] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => fit(cell, widths[column] ?? 0, COLUMNS[column]?.align))
      .join("  ")
      .trimEnd();
  return [paint(line(COLUMNS.map(({ heading }) => heading)), "bold"), ...rows.map(line)];
}

function problemLines(problems: readonly Problem[], { paint, width }: RenderOptions): string[] {
  if (problems.length === 0) return ["", "No problems."];
  return [
    "",
    paint("PROBLEMS", "bold"),
    ...problems.flatMap(({ severity, code, message, hint }) => {
      const [first = "", ...others] = wrapWords(
        `${severity} ${code}: ${sanitize(message)}`,
        width,
        2,
      );
      const painted = first.replace(severity, paint(severity, SEVERITY[severity], "bold"));
      return [
        painted,
        ...others,
        ...wrapWords(`→ ${sanitize(hint)}`, width - 2, 2).map((line) => `  ${line}`),
      ];
    }),
  ];
}

function lastSweep({ lastSweep: sweep, sweepProgress }: OrganizationStatus, now: number): string {
  if (sweepProgress !== null) return `under way, ${sweepProgress.persons} so far`;
  if (sweep === null) return "none yet";
  const ended = Date.parse(sweep.startedAt) + sweep.seconds * 1000;
  return `${formatDuration(now - ended)} ago, took ${sweep.seconds.toFixed(1)} s`;
}

function ages({ ageSeconds: { watchedP50, watchedP95 } }: OrganizationStatus): string {
  if (watchedP50 === null || watchedP95 === null) return "–";
  return `${Math.round(watchedP50)}/${Math.round(watchedP95)} s`;
}
