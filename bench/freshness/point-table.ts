import type { Result } from "./result.js";
import { pageCount } from "./scenario.js";
import type { Outcome } from "./service-model.js";

const COLUMNS =
  "persons, page, watched, limit, bound, worker: mean, P95, seen in 30 s, incorrect, requests/min, 429, sweeps: mean, P95, seen in 30 s, incorrect, 429, lookups: mean, P95, seen in 30 s, incorrect, 429, ignoring Retry-After: mean, 429, no old links: mean, limit set: mean, start: 0–10 min, restart: 0–10 min, 2–10 min, flat 0.1 s: worker, sweeps, lookups";

/** A Markdown table of what was measured at each point. */
export function pointTable(results: readonly Result[]): string {
  const age = (outcome: Outcome): string => outcome.meanAge.toFixed(1);
  const details = (outcome: Outcome): string[] => [
    age(outcome),
    outcome.p95Age.toFixed(1),
    percent(outcome.seenWithin30s, 0),
    percent(outcome.light.incorrect, 2),
  ];
  const rows = results.map(({ point, bound, worker, sweeps, lookups, ...others }) => {
    const [mean, ...workerDetails] = details(worker);
    return [
      point.persons.toLocaleString("en-US"),
      `${point.pageSize} (${pageCount(point)})`,
      point.watched,
      point.limit,
      bound.toFixed(1),
      `**${mean}**`,
      ...workerDetails,
      worker.requestsPerMinute.toFixed(1),
      worker.rejected,
      ...details(sweeps),
      sweeps.rejected,
      ...details(lookups),
      lookups.rejected,
      age(others.sweepsIgnoringRetryAfter),
      percent(others.sweepsIgnoringRetryAfter.rejectedShare, 0),
      age(others.withoutOldLinks),
      age(others.withLimitSet),
      worker.afterStart.firstTenMinutes.toFixed(1),
      worker.afterRestart.firstTenMinutes.toFixed(1),
      worker.afterRestart.settled.toFixed(1),
      age(others.flatWorker),
      age(others.flatSweeps),
      age(others.flatLookups),
    ];
  });
  const columns = COLUMNS.split(", ");
  const lines = [columns, columns.map(() => "---:"), ...rows];
  return [
    "Each point: ages in seconds, limit in requests per minute, page size (and pages), share of time with an incorrect light, 429 in the time measured.",
    lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
  ].join("\n\n");
}

function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)} %`;
}
