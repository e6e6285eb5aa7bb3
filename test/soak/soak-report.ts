import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { percentile } from "../../bench/samples.js";
import type { FaultRecord } from "./fault-lane.js";
import { WINDOW_MS } from "./request-rate.js";
import { REQUESTS_PER_MINUTE, STALE_AFTER_SECONDS, type SoakResult } from "./soak.js";
import type { Check } from "./soak-checks.js";
import { timelineSvg } from "./timeline-plot.js";

const FOLDER = join("build", "soak");
export const REPORT_PATH = join(FOLDER, "report.md");
const SHOWN_FAILURES = 20;

/**
 * Writes `build/soak/report.md`, its plot and the worker's log. Returns the last line: how many
 * kinds of checks passed and failed.
 */
export function writeReport(result: SoakResult, checks: readonly Check[]): string {
  const failed = checks.filter(({ failures }) => failures.length > 0).length;
  const summary = `${checks.length - failed} passed, ${failed} failed`;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "timeline.svg"), plot(result));
  const log = result.observations.log.map(({ value }) => value).join("\n");
  writeFileSync(join(FOLDER, "worker.log"), `${log}\n`);
  writeFileSync(REPORT_PATH, markdown(result, checks, summary));
  return summary;
}

/** The checks as lines for a terminal. */
export function checkLines(checks: readonly Check[]): string[] {
  return checks.flatMap(({ kind, passed, failures, note }) => [
    `${failures.length === 0 ? "ok    " : "FAILED"} ${kind}: ${passed} passed, ${failures.length} failed${note === undefined ? "" : ` (${note})`}`,
    ...failures.slice(0, SHOWN_FAILURES).map((failure) => `         ${failure}`),
  ]);
}

function markdown(result: SoakResult, checks: readonly Check[], summary: string): string {
  const { options, faults, secretStore } = result;
  const failures = checks.flatMap(({ failures: each }) => each.slice(0, SHOWN_FAILURES));
  const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
    [header, header.map(() => "---"), ...rows]
      .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
      .join("\n");
  return `${[
    "# Soak",
    `\`npm run soak -- --minutes ${options.minutes} --seed ${options.seed}\`, ${new Date(result.startedAt).toISOString()}, Node ${process.versions.node}, secrets in ${secretStore === "keychain" ? "a real keyring" : "memory: nothing is said of lost grants"}.`,
    table(
      ["Check", "Passed", "Failed", ""],
      checks.map(({ kind, passed, failures: each, note }) => [
        ...[kind, String(passed), String(each.length), note ?? ""],
      ]),
    ),
    ...(failures.length === 0 ? [] : [failures.map((failure) => `- ${failure}`).join("\n")]),
    "![Timeline](timeline.svg)",
    table(["Measure", "Figure"], measures(result)),
    "## Faults",
    table(
      ["No.", "Begins", "Fault", "Shown after", "Lasts", "Over after"],
      faults.map((fault, index) => faultRow(fault, index + 1, result.startedAt)),
    ),
    summary,
  ].join("\n\n")}\n`;
}

function faultRow(fault: FaultRecord, number: number, startedAt: number): string[] {
  const { name, beganAt, endedAt, shownMs, shownFailure, goneMs } = fault;
  return [
    ...[String(number), seconds(beganAt - startedAt), name],
    shownMs === null ? (shownFailure === null ? "–" : "FAILED") : seconds(shownMs),
    endedAt === null ? "–" : seconds(endedAt - beganAt),
    goneMs === null ? "FAILED" : seconds(goneMs),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function measures({ observations, lights, startedAt, endedAt }: SoakResult): string[][] {
  const { samples, requests, decisions, stalledMs } = observations;
  const known = lights.map((each) => each.known / each.total);
  const medians = lights.flatMap(({ medianAge }) => medianAge ?? []);
  const p95s = lights.flatMap(({ p95Age }) => p95Age ?? []);
  const fresh = decisions.filter(({ isFresh }) => isFresh);
  const took = fresh.map(({ tookMs }) => tookMs);
  const resident = samples.map(({ residentBytes }) => residentBytes / 2 ** 20);
  const timed = (values: readonly number[], share: number): string =>
    values.length === 0 ? "–" : seconds(percentile(values, share));
  return [
    ["processor time of the worker", `${(100 * cpuShareOf(observations)).toFixed(1)} % of one`],
    [
      "resident memory, median and most",
      `${percentile(resident, 0.5).toFixed(0)} and ${Math.max(...resident).toFixed(0)} MiB`,
    ],
    ["descriptors, most", String(Math.max(...samples.map(({ descriptors }) => descriptors)))],
    ["age of what is shown, median of medians", timed(medians, 0.5)],
    ["age of what is shown, worst 95th percentile", timed(p95s, 1)],
    [
      "watched persons known, mean over time",
      `${((100 * known.reduce((sum, share) => sum + share, 0)) / Math.max(1, known.length)).toFixed(1)} %`,
    ],
    ["requests to Webex", String(requests.filter(({ bearer }) => bearer).length)],
    [
      "renewals of the grant",
      String(requests.filter((each) => each.path === "/v1/access_token").length),
    ],
    ["decisions, and fresh ones among them", `${decisions.length}, ${fresh.length}`],
    ["time to a fresh decision, median", timed(took, 0.5)],
    ["time in which the host or the simulator did not run", seconds(stalledMs)],
    ["duration", seconds(endedAt - startedAt)],
  ];
}

/** The share of one processor that all workers of the run used. */
export function cpuShareOf({ samples }: SoakResult["observations"]): number {
  const pids = [...new Set(samples.map(({ pid }) => pid))];
  let cpuMs = 0;
  let wallMs = 0;
  for (const each of pids) {
    const own = samples.filter(({ pid }) => pid === each);
    cpuMs += (own.at(-1)?.cpuMs ?? 0) - (own[0]?.cpuMs ?? 0);
    wallMs += (own.at(-1)?.at ?? 0) - (own[0]?.at ?? 0);
  }
  return wallMs === 0 ? 0 : cpuMs / wallMs;
}

function plot({ options, observations, lights, faults, startedAt, endedAt }: SoakResult): string {
  const { samples, requests } = observations;
  const times = requests.filter(({ bearer }) => bearer).map(({ at }) => at);
  const sampled = (valueOf: (sample: (typeof samples)[number]) => number) =>
    samples.map((sample) => ({ at: sample.time, value: valueOf(sample) }));
  const aged = (ageOf: (light: (typeof lights)[number]) => number | null) =>
    lights.flatMap((light) => {
      const age = ageOf(light);
      return age === null ? [] : [{ at: light.at, value: age / 1000 }];
    });
  return timelineSvg({
    title: `Soak of ${options.minutes} minutes, seed ${options.seed}`,
    ...{ from: startedAt, to: endedAt },
    marks: faults.map(({ beganAt, endedAt: over }, index) => {
      return { from: beganAt, to: over ?? endedAt, number: index + 1 };
    }),
    panels: [
      {
        title: "age of what is shown, s",
        series: [
          { label: "median", points: aged(({ medianAge }) => medianAge), isMain: true },
          { label: "95th percentile", points: aged(({ p95Age }) => p95Age) },
        ],
        bound: { value: STALE_AFTER_SECONDS, label: "StaleAfterSeconds" },
      },
      {
        title: "watched persons known, %",
        series: [
          {
            label: "",
            points: lights.map(({ at, known, total }) => ({ at, value: (100 * known) / total })),
            isMain: true,
          },
        ],
      },
      {
        title: "resident memory, MiB",
        series: [
          {
            label: "",
            points: sampled(({ residentBytes }) => residentBytes / 2 ** 20),
            isMain: true,
          },
        ],
      },
      {
        title: "of the process",
        series: [
          { label: "descriptors", points: sampled(({ descriptors }) => descriptors), isMain: true },
          { label: "threads", points: sampled(({ threads }) => threads) },
        ],
      },
      {
        title: "requests in the last 60 s",
        series: [
          {
            label: "",
            points: samples.map(({ time }) => ({
              at: time,
              value: times.filter((at) => at > time - WINDOW_MS && at <= time).length,
            })),
            isMain: true,
          },
        ],
        bound: { value: REQUESTS_PER_MINUTE, label: "RequestsPerMinute" },
      },
    ],
  });
}
