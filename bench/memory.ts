import { readFileSync } from "node:fs";
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import {
  infoRow,
  boundedRow,
  type Panel,
  type Bench,
  type BenchContext,
  type BenchResult,
} from "./bench.js";
import type { RosterKind, RosterMemory } from "./children/roster-memory.js";
import type { BenchRuntime } from "./runtime.js";
import { median, formatNumber, formatCount, formatMedian } from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import { endChild, sleep, WorkerProcess } from "./worker-process.js";

const WORKER_COUNT = 5;
const IDLE_PERSONS = 100;
const POLLING_MS = 16_000;
const IDLE_MS = 30_000;
const IDLE_BOUND_MB = 50;
const ROSTER_BOUND_MB = 25;
const LARGE_PERSONS = 50_000;
const BARE = join("bench", "peers", "bare-process.cjs");
const POLLER = join("bench", "peers", "bare-poller.cjs");

export const memory: Bench = {
  name: "memory",
  title: "Memory at rest, and added by a large organization",
  description:
    "Resident memory (VmRSS, in 10^6 bytes, including the pages of the Node binary) of the built worker while it polls a simulated organization; " +
    "and, in a process with an exposed garbage collector, heap and buffers (heapUsed + external, which includes array buffers) before and after " +
    "the presence store holds a large organization, decoded as in production.",
  async run(context) {
    const idle = [];
    for (const runtime of context.runtimes) idle.push(await measureDisabled(context, runtime));
    const rest = await measurePolling(context);
    const rosters = await measureRoster(context);
    const large = await measureLargeSweep(context);
    return {
      rows: [...idle.flatMap(({ rows }) => rows), ...rest.rows, ...rosters.rows, ...large.rows],
      panels: [...rest.panels, ...rosters.panels, ...large.panels],
      notes: [...rest.notes, ...rosters.notes, ...large.notes],
    };
  },
};

/** Measures disabled workers after 30 s, when V8 has released the memory of the start. */
async function measureDisabled(
  { worker, rounds, log }: BenchContext,
  { suffix, executable }: BenchRuntime,
): Promise<BenchResult> {
  const count = rounds(WORKER_COUNT);
  log(`${count} idle workers for ${IDLE_MS / 1000} s${suffix}`);
  const workers = await Promise.all(
    Array.from({ length: count }, () =>
      WorkerProcess.launch(worker, ["WebexPresence.Enable=0"], executable),
    ),
  );
  const bare = Array.from({ length: count }, () =>
    spawn(executable, [BARE], { stdio: ["pipe", "pipe", "ignore"] }),
  );
  try {
    await sleep(IDLE_MS);
    const ours = workers.map(({ pid }) => memoryOf(pid)).map(totalMemory);
    const node = bare.map(({ pid }) => memoryOf(pid ?? 0)).map(totalMemory);
    return {
      rows: [
        boundedRow(
          {
            measure: `resident, at rest (disabled)${suffix}`,
            ours: formatMedian(ours, "MB"),
            against: `bare Node ${formatMedian(node, "MB")}`,
            figure: `bare Node + ${formatNumber(median(ours) - median(node))} MB (median of ${count})`,
          },
          `< ${IDLE_BOUND_MB} MB`,
          median(ours) < IDLE_BOUND_MB,
        ),
      ],
      panels: [],
      notes: [],
    };
  } finally {
    await Promise.all([
      ...workers.map((each) => each.stop()),
      ...bare.map((child) => endChild(child)),
    ]);
  }
}

async function measurePolling({ worker, rounds, log }: BenchContext): Promise<BenchResult> {
  const count = rounds(WORKER_COUNT);
  log(`${count} workers polling ${IDLE_PERSONS} persons for ${POLLING_MS / 1000} s`);
  const service = await SimulatedService.start(IDLE_PERSONS, 60);
  const settings = service.settings(
    "WebexPresence.Enable=1",
    "WebexPresence.PollIntervalSeconds=5",
  );
  const workers = await Promise.all(
    Array.from({ length: count }, () => WorkerProcess.launch(worker, settings)),
  );
  const peer = (...args: string[]) =>
    spawn(process.execPath, args, { stdio: ["pipe", "pipe", "ignore"] });
  const bare = Array.from({ length: count }, () => peer(BARE));
  const pollers = Array.from({ length: count }, () =>
    peer(POLLER, service.apiUrl, service.grant.accessToken),
  );
  try {
    await Promise.all(workers.map((each) => each.authorize(service)));
    await Promise.all(workers.map((each) => each.waitForSweep(IDLE_PERSONS, 20_000)));
    await sleep(POLLING_MS);
    const ours = workers.map(({ pid }) => memoryOf(pid));
    const node = bare.map(({ pid }) => memoryOf(pid ?? 0));
    const least = pollers.map(({ pid }) => memoryOf(pid ?? 0));
    const resident = {
      ours: ours.map(totalMemory),
      node: node.map(totalMemory),
      least: least.map(totalMemory),
    };
    const own = {
      ours: ours.map(ownMemory),
      node: node.map(ownMemory),
      least: least.map(ownMemory),
    };
    const against = (of: typeof own): string =>
      `bare Node ${formatMedian(of.node, "MB")}, bare poller ${formatMedian(of.least, "MB")}`;
    return {
      rows: [
        infoRow({
          measure: `resident, polling ${IDLE_PERSONS} persons`,
          ours: formatMedian(resident.ours, "MB"),
          against: against(resident),
          figure: `bare Node + ${formatNumber(median(resident.ours) - median(resident.node))} MB (median of ${count})`,
        }),
        infoRow({
          measure: "of which the process's own (RssAnon)",
          ours: formatMedian(own.ours, "MB"),
          against: against(own),
          figure: `bare Node + ${formatNumber(median(own.ours) - median(own.node))} MB`,
        }),
      ],
      panels: [
        panel(`Resident memory, polling ${IDLE_PERSONS} persons`, resident),
        panel("The process's own memory, without the mapped Node binary", own),
      ],
      notes: [
        "The bare poller only runs Node's own request and `JSON.parse` every five seconds: the minimum that Node needs for polling.",
        "Resident memory that is not the process's own is the mapped Node binary, which all Node processes share.",
      ],
    };
  } finally {
    await Promise.all([
      ...workers.map((each) => each.stop()),
      ...[...bare, ...pollers].map((child) => endChild(child)),
      service.stop(),
    ]);
  }
}

function panel(title: string, of: Record<"ours" | "node" | "least", readonly number[]>): Panel {
  return {
    title,
    unit: "MB",
    series: [
      { label: "worker", samples: of.ours, ours: true },
      { label: "bare poller", samples: of.least },
      { label: "bare Node", samples: of.node },
    ],
  };
}

function totalMemory(of: ProcessMemory): number {
  return of.totalMB;
}

function ownMemory(of: ProcessMemory): number {
  return of.ownMB;
}

async function measureRoster({ rounds, log }: BenchContext): Promise<BenchResult> {
  const child = fileURLToPath(new URL("children/roster-memory.js", import.meta.url));
  const measure = async (persons: number, kind: RosterKind): Promise<number[]> => {
    const added: number[] = [];
    for (let round = 0; round < rounds(5); round += 1) {
      log(`a roster of ${persons} persons (${kind}), round ${round + 1}`);
      const args = ["--expose-gc", child, String(persons), kind];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      added.push((JSON.parse(stdout) as RosterMemory).bytes / 1e6);
    }
    return added;
  };
  const objects = await measure(LARGE_PERSONS, "objects");
  const measured: { persons: number; added: number[] }[] = [];
  for (const persons of [LARGE_PERSONS, 2 * LARGE_PERSONS]) {
    measured.push({ persons, added: await measure(persons, "store") });
  }
  const rows = measured.map(({ persons, added }) => {
    const row = {
      measure: `added by ${formatCount(persons)} persons`,
      ours: formatMedian(added, "MB"),
      against: "",
      figure: `${formatNumber((median(added) * 1e6) / persons)} bytes per person`,
    };
    return persons === LARGE_PERSONS
      ? boundedRow(row, `< ${ROSTER_BOUND_MB} MB`, median(added) < ROSTER_BOUND_MB)
      : infoRow(row);
  });
  const ours = measured[0]?.added ?? [];
  const ratioRow = infoRow({
    measure: `${formatCount(LARGE_PERSONS)} persons against plain objects`,
    ours: formatMedian(ours, "MB"),
    against: `plain objects ${formatMedian(objects, "MB")}`,
    figure: `${(median(ours) / median(objects)).toFixed(2)} ×`,
  });
  return {
    rows: [...rows, ratioRow],
    panels: [
      {
        title: "Heap and buffers added by a roster",
        unit: "MB",
        series: [
          ...measured.map(({ persons, added }) => ({
            label: `${formatCount(persons)} persons`,
            samples: added,
            ours: true,
          })),
          { label: `${formatCount(LARGE_PERSONS)} plain objects`, samples: objects },
        ],
        bound: {
          value: ROSTER_BOUND_MB,
          label: `${ROSTER_BOUND_MB} MB for ${formatCount(LARGE_PERSONS)}`,
        },
      },
    ],
    notes: [
      "Plain objects: the same persons, decoded by the same code, as objects in one map by id and one by address.",
    ],
  };
}

async function measureLargeSweep({ worker, log }: BenchContext): Promise<BenchResult> {
  log(`a worker sweeping ${LARGE_PERSONS} persons`);
  const service = await SimulatedService.start(LARGE_PERSONS, 60);
  const large = await WorkerProcess.launch(
    worker,
    service.settings(
      "WebexPresence.Enable=1",
      "WebexPresence.RequestsPerMinute=600",
      "WebexPresence.PollIntervalSeconds=3600",
    ),
  );
  try {
    await large.authorize(service);
    await large.waitForSweep(LARGE_PERSONS, 120_000);
    const afterSweep = memoryOf(large.pid).totalMB;
    await sleep(POLLING_MS);
    const row = (measure: string, value: number) =>
      infoRow({ measure, ours: `${formatNumber(value)} MB`, against: "", figure: "" });
    return {
      rows: [
        row(`resident, just after a sweep of ${formatCount(LARGE_PERSONS)}`, afterSweep),
        row(`resident, ${POLLING_MS / 1000} s later`, memoryOf(large.pid).totalMB),
      ],
      panels: [],
      notes: [
        "After a large sweep, V8 keeps the memory of the pages for a while; the roster itself is the row above.",
      ],
    };
  } finally {
    await large.stop();
    await service.stop();
  }
}

/** In 10^6 bytes. */
export interface ProcessMemory {
  /** Resident memory, including the pages of the mapped Node binary. */
  readonly totalMB: number;
  /** Anonymous memory: heap, buffers and stacks. */
  readonly ownMB: number;
}

/** Reads /proc (proc(5)), so that this bench only runs on Linux. */
export function memoryOf(pid: number): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const megabytes = (name: string): number =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024) / 1e6;
  return { totalMB: megabytes("VmRSS"), ownMB: megabytes("RssAnon") };
}
