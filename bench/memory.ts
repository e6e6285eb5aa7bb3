import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { infoRow, boundedRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import type { RosterMemory } from "./children/roster-memory.js";
import { median, formatNumber, formatCount } from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import type { Panel } from "./svg-plot.js";
import { memoryOf, type ProcessMemory } from "./process-memory.js";
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
  title: "Memory at rest, and what a large organization adds",
  description:
    "Resident memory (VmRSS, in 10^6 bytes, the Node binary's pages included) of the built worker while it polls a simulated organization; " +
    "and, in a process with an exposed garbage collector, heap and buffers (heapUsed + external, which holds the array buffers) before and after the " +
    "presence room has taken a large organization, decoded as in production.",
  async run(context) {
    const idle = await measureDisabled(context);
    const rest = await measurePolling(context);
    const rosters = await measureRoster(context);
    const large = await measureLargeSweep(context);
    return {
      rows: [...idle.rows, ...rest.rows, ...rosters.rows, ...large.rows],
      panels: [...idle.panels, ...rest.panels, ...rosters.panels, ...large.panels],
      notes: [...idle.notes, ...rest.notes, ...rosters.notes, ...large.notes],
    };
  },
};

/** At rest: launched, settings read, nothing to do; V8 gives back what the start took within half a minute. */
async function measureDisabled({ worker, rounds, log }: BenchContext): Promise<BenchResult> {
  const count = rounds(WORKER_COUNT);
  log(`${count} workers rest for ${IDLE_MS / 1000} s`);
  const workers = await Promise.all(
    Array.from({ length: count }, () => WorkerProcess.launch(worker, ["WebexPresence.Enable=0"])),
  );
  const bare = Array.from({ length: count }, () =>
    spawn(process.execPath, [BARE], { stdio: ["pipe", "pipe", "ignore"] }),
  );
  try {
    await sleep(IDLE_MS);
    const ours = workers.map(({ pid }) => memoryOf(pid)).map(totalMemory);
    const node = bare.map(({ pid }) => memoryOf(pid ?? 0)).map(totalMemory);
    return {
      rows: [
        boundedRow(
          {
            measure: "resident, at rest (disabled)",
            ours: `${formatNumber(median(ours))} MB`,
            against: `bare Node ${formatNumber(median(node))} MB`,
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
  log(`${count} workers poll ${IDLE_PERSONS} persons for ${POLLING_MS / 1000} s`);
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
    await Promise.all(
      workers.map((each) =>
        each.waitForStatus(
          "a sweep",
          ({ organizations }) => organizations[0]?.lastSweep?.persons === IDLE_PERSONS,
          20_000,
        ),
      ),
    );
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
      `bare Node ${formatNumber(median(of.node))} MB, bare poller ${formatNumber(median(of.least))} MB`;
    return {
      rows: [
        infoRow({
          measure: `resident, polling ${IDLE_PERSONS} persons`,
          ours: `${formatNumber(median(resident.ours))} MB`,
          against: against(resident),
          figure: `bare Node + ${formatNumber(median(resident.ours) - median(resident.node))} MB (median of ${count})`,
        }),
        infoRow({
          measure: "of it the process's own (RssAnon)",
          ours: `${formatNumber(median(own.ours))} MB`,
          against: against(own),
          figure: `bare Node + ${formatNumber(median(own.ours) - median(own.node))} MB`,
        }),
      ],
      panels: [
        panel(`Resident memory, polling ${IDLE_PERSONS} persons`, resident),
        panel("Of it the process's own, without the mapped Node binary", own),
      ],
      notes: [
        "The bare poller is Node's own request and `JSON.parse` every five seconds, and nothing else: the least that this runtime needs for the work.",
        "What is resident but not the process's own is the Node binary, mapped: every Node process on the machine shares it.",
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

function panel(
  title: string,
  of: Record<"ours" | "node" | "least", readonly number[]>,
  bound?: Panel["bound"],
): Panel {
  return {
    title,
    unit: "MB",
    series: [
      { label: "worker", samples: of.ours, ours: true },
      { label: "bare poller", samples: of.least },
      { label: "bare Node", samples: of.node },
    ],
    ...(bound === undefined ? {} : { bound }),
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
  const measured: { persons: number; added: number[] }[] = [];
  for (const persons of [LARGE_PERSONS, 2 * LARGE_PERSONS]) {
    const added: number[] = [];
    for (let round = 0; round < rounds(5); round += 1) {
      log(`a roster of ${persons} persons, ${round + 1}`);
      const { stdout } = await promisify(execFile)(process.execPath, [
        "--expose-gc",
        child,
        String(persons),
      ]);
      added.push((JSON.parse(stdout) as RosterMemory).bytes / 1e6);
    }
    measured.push({ persons, added });
  }
  const rows = measured.map(({ persons, added }) => {
    const row = {
      measure: `added by ${formatCount(persons)} persons`,
      ours: `${formatNumber(median(added))} MB`,
      against: "",
      figure: `${formatNumber((median(added) * 1e6) / persons)} bytes a person`,
    };
    return persons === LARGE_PERSONS
      ? boundedRow(row, `< ${ROSTER_BOUND_MB} MB`, median(added) < ROSTER_BOUND_MB)
      : infoRow(row);
  });
  return {
    rows,
    panels: [
      {
        title: "Heap and buffers that a roster adds",
        unit: "MB",
        series: measured.map(({ persons, added }) => ({
          label: `${formatCount(persons)} persons`,
          samples: added,
          ours: true,
        })),
        bound: {
          value: ROSTER_BOUND_MB,
          label: `${ROSTER_BOUND_MB} MB for ${formatCount(LARGE_PERSONS)}`,
        },
      },
    ],
    notes: [],
  };
}

async function measureLargeSweep({ worker, log }: BenchContext): Promise<BenchResult> {
  log(`a worker sweeps ${LARGE_PERSONS} persons`);
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
    await large.waitForStatus(
      "the large sweep",
      ({ organizations }) => organizations[0]?.lastSweep?.persons === LARGE_PERSONS,
      120_000,
    );
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
        "After a large sweep V8 keeps for a while what it took for the pages; the roster itself is the row above.",
      ],
    };
  } finally {
    await large.stop();
    await service.stop();
  }
}
