import type { MetricFamily, MetricSample } from "../ports/metrics.js";
import type { ProcessUsage } from "../ports/process.js";
import type { OrganizationStatus, Phase, Problem, WorkerStatus } from "../supervisor/status.js";
import type { DashboardServices } from "./dashboard-services.js";

/** Every metric name begins with it. */
const PREFIX = "ucx_webex_presence_";
const PHASES: readonly Phase[] = ["starting", "disabled", "blocked", "polling", "stopping"];

interface Reading {
  readonly status: WorkerStatus;
  readonly statusChanges: number;
  readonly usage: ProcessUsage;
}

interface Metric {
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly samples: (reading: Reading) => readonly MetricSample[];
}

/** Of the worker as a whole. */
function single(help: string, valueOf: (reading: Reading) => number): Metric {
  return {
    help,
    labelNames: [],
    samples: (reading) => [{ labels: {}, value: valueOf(reading) }],
  };
}

/** Of each organization; one without a value has no sample. */
function perOrganization(
  help: string,
  valueOf: (organization: OrganizationStatus) => number | null,
): Metric {
  return {
    help,
    labelNames: ["org"],
    samples: ({ status }) =>
      status.organizations.flatMap((organization) => {
        const value = valueOf(organization);
        return value === null ? [] : [{ labels: { org: organization.orgId }, value }];
      }),
  };
}

/** By name without the prefix. The type of those that end with `_total` is counter, else gauge. */
const METRICS: Readonly<Record<string, Metric>> = {
  info: {
    help: "Always 1; the label is the version of the worker.",
    labelNames: ["version"],
    samples: ({ status: { version } }) => [{ labels: { version }, value: 1 }],
  },
  start_time_seconds: single("When the worker was started, in seconds since 1970.", ({ status }) =>
    seconds(status.startedAt),
  ),
  phase: {
    help: "1 for the phase that the worker is in, 0 for the others.",
    labelNames: ["phase"],
    samples: ({ status }) =>
      PHASES.map((phase) => ({ labels: { phase }, value: Number(phase === status.phase) })),
  },
  phase_since_seconds: single("When the phase was entered, in seconds since 1970.", ({ status }) =>
    seconds(status.since),
  ),
  stale_after_seconds: single(
    "Age in seconds from which on records are unknown (WebexPresence.StaleAfterSeconds).",
    ({ status }) => Number(status.settings.values["WebexPresence.StaleAfterSeconds"]),
  ),
  problems: {
    help: "Present problems by code (docs/errors.md) and severity.",
    labelNames: ["code", "severity"],
    samples: ({ status }) => countProblems(status.problems),
  },
  status_changes_total: single(
    "How often Webex has reported another status of a known person.",
    ({ statusChanges }) => statusChanges,
  ),
  process_resident_memory_bytes: single(
    "Resident memory of the worker's process in bytes.",
    ({ usage }) => usage.residentBytes,
  ),
  process_cpu_seconds_total: single(
    "User and system time of the worker's process in seconds.",
    ({ usage }) => usage.cpuSeconds,
  ),
  persons: perOrganization("People who are known.", ({ persons }) => persons),
  watched: perOrganization(
    "People and unmatched addresses that the host watches.",
    ({ watched }) => watched,
  ),
  requests_total: perOrganization("Requests to Webex.", ({ requests }) => requests.total),
  requests_rate_limited_total: perOrganization(
    "Requests that Webex answered with 429.",
    ({ requests }) => requests.rateLimited,
  ),
  requests_failed_total: perOrganization(
    "Requests that failed for another reason.",
    ({ requests }) => requests.failed,
  ),
  requests_last_minute: perOrganization(
    "Requests to Webex in the last 60 seconds.",
    ({ requests }) => requests.lastMinute,
  ),
  requests_per_minute_limit: perOrganization(
    "The greatest number of requests in 60 seconds (WebexPresence.RequestsPerMinute).",
    ({ requests }) => requests.perMinuteLimit,
  ),
  rate_limited_until_seconds: perOrganization(
    "Until when Webex asks to wait, in seconds since 1970; no sample if it does not.",
    ({ rateLimitedUntil }) => (rateLimitedUntil === null ? null : seconds(rateLimitedUntil)),
  ),
  watched_age_p50_seconds: perOrganization(
    "Median age of watched records in seconds.",
    ({ ageSeconds }) => ageSeconds.watchedP50,
  ),
  watched_age_p95_seconds: perOrganization(
    "95th percentile of the age of watched records in seconds.",
    ({ ageSeconds }) => ageSeconds.watchedP95,
  ),
  last_sweep_start_time_seconds: perOrganization(
    "When the last complete sweep began, in seconds since 1970.",
    ({ lastSweep }) => lastSweep && seconds(lastSweep.startedAt),
  ),
  last_sweep_duration_seconds: perOrganization(
    "How long the last complete sweep took in seconds.",
    ({ lastSweep }) => lastSweep?.seconds ?? null,
  ),
  last_sweep_persons: perOrganization(
    "People whom the last complete sweep found.",
    ({ lastSweep }) => lastSweep?.persons ?? null,
  ),
  on_demand_requests_last_minute: perOrganization(
    "Queries that accepted only fresh presence (maxAgeSeconds) in the last 60 seconds.",
    ({ onDemand }) => onDemand.lastMinute,
  ),
  on_demand_in_time_last_minute: perOrganization(
    "Of these, the queries that got fresh presence in time.",
    ({ onDemand }) => onDemand.answeredInTime,
  ),
  on_demand_late_last_minute: perOrganization(
    "Of these, the queries that were answered with what was known, because it did not come in time.",
    ({ onDemand }) => onDemand.late,
  ),
};

/** What the dashboard shows, for monitoring. No person is in it. */
export function workerMetrics(services: DashboardServices, usage: ProcessUsage): MetricFamily[] {
  const { status, presence } = services;
  const reading = { status: status.current(), statusChanges: presence.statusChanges, usage };
  return Object.entries(METRICS).map(([name, { help, labelNames, samples }]) => ({
    name: PREFIX + name,
    help,
    type: typeOf(name),
    labelNames,
    samples: samples(reading),
  }));
}

/** Returns the metrics as a Markdown table that ends with a line feed. */
export function metricsTableMarkdown(): string {
  const rows = Object.entries(METRICS).map(([name, { help, labelNames }]) => [
    `\`${PREFIX}${name}\``,
    typeOf(name),
    labelNames.map((label) => `\`${label}\``).join(", ") || "–",
    help,
  ]);
  const header = ["Metric", "Type", "Labels", "Meaning"];
  return [header, header.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |\n`)
    .join("");
}

function typeOf(name: string): MetricFamily["type"] {
  return name.endsWith("_total") ? "counter" : "gauge";
}

function countProblems(problems: readonly Problem[]): MetricSample[] {
  const codes = [...new Set(problems.map(({ code }) => code))];
  return codes.map((code) => {
    const present = problems.filter((problem) => problem.code === code);
    return { labels: { code, severity: present[0]?.severity ?? "" }, value: present.length };
  });
}

function seconds(iso: string): number {
  return Date.parse(iso) / 1_000;
}
