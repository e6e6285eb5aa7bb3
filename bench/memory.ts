import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { informing, judged, type Bench, type BenchContext, type Findings } from "./bench.js";
import type { RosterMemory } from "./children/roster-memory.js";
import { median, readable, whole } from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import type { Panel } from "./svg-plot.js";
import { memoryOf, type ProcessMemory } from "./process-memory.js";
import { ended, pause, WorkerProcess } from "./worker-process.js";

const WORKERS = 5;
const REST_PERSONS = 100;
const REST_MS = 16_000;
const IDLE_MS = 30_000;
const REST_BOUND_MB = 50;
const ROSTER_BOUND_MB = 25;
const LARGE = 50_000;
const BARE = join("bench", "peers", "bare-process.cjs");
const POLLER = join("bench", "peers", "bare-poller.cjs");

export const memory: Bench = {
  name: "memory",
  title: "Memory at rest, and what a large organization adds",
  about:
    "Resident memory (VmRSS, in 10^6 bytes, the Node binary's pages included) of the built worker while it polls a simulated organization; " +
    "and, in a process with an exposed garbage collector, heap and buffers (heapUsed + external, which holds the array buffers) before and after the " +
    "presence room has taken a large organization, decoded as in production.",
  async run(context) {
    const idle = await whileDisabled(context);
    const rest = await whilePolling(context);
    const rosters = await rosterMemory(context);
    const large = await afterLargeSweep(context);
    return {
      rows: [...idle.rows, ...rest.rows, ...rosters.rows, ...large.rows],
      panels: [...idle.panels, ...rest.panels, ...rosters.panels, ...large.panels],
      notes: [...idle.notes, ...rest.notes, ...rosters.notes, ...large.notes],
    };
  },
};

/** At rest: launched, settings read, nothing to do; V8 gives back what the start took within half a minute. */
async function whileDisabled({ worker, rounds, say }: BenchContext): Promise<Findings> {
  const count = rounds(WORKERS);
  say(`${count} workers rest for ${IDLE_MS / 1000} s`);
  const workers = await Promise.all(
    Array.from({ length: count }, () => WorkerProcess.launch(worker, ["WebexPresence.Enable=0"])),
  );
  const bare = Array.from({ length: count }, () => spawn(process.execPath, [BARE], { stdio: ["pipe", "pipe", "ignore"] }));
  try {
    await pause(IDLE_MS);
    const ours = workers.map(({ pid }) => memoryOf(pid)).map(total);
    const node = bare.map(({ pid }) => memoryOf(pid ?? 0)).map(total);
    return {
      rows: [
        judged(
          {
            measure: "resident, at rest (disabled)",
            ours: `${readable(median(ours))} MB`,
            against: `bare Node ${readable(median(node))} MB`,
            figure: `bare Node + ${readable(median(ours) - median(node))} MB (median of ${count})`,
          },
          `< ${REST_BOUND_MB} MB`,
          median(ours) < REST_BOUND_MB,
        ),
      ],
      panels: [],
      notes: [],
    };
  } finally {
    await Promise.all([...workers.map((each) => each.stop()), ...bare.map((child) => ended(child))]);
  }
}

async function whilePolling({ worker, rounds, say }: BenchContext): Promise<Findings> {
  const count = rounds(WORKERS);
  say(`${count} workers poll ${REST_PERSONS} persons for ${REST_MS / 1000} s`);
  const service = await SimulatedService.start(REST_PERSONS, 60);
  const settings = service.settings("WebexPresence.Enable=1", "WebexPresence.PollIntervalSeconds=5");
  const workers = await Promise.all(Array.from({ length: count }, () => WorkerProcess.launch(worker, settings)));
  const peer = (...args: string[]) => spawn(process.execPath, args, { stdio: ["pipe", "pipe", "ignore"] });
  const bare = Array.from({ length: count }, () => peer(BARE));
  const pollers = Array.from({ length: count }, () => peer(POLLER, service.apiUrl, service.grant.accessToken));
  try {
    await Promise.all(workers.map((each) => each.authorize(service)));
    await Promise.all(
      workers.map((each) =>
        each.until("a sweep", ({ organizations }) => organizations[0]?.lastSweep?.persons === REST_PERSONS, 20_000),
      ),
    );
    await pause(REST_MS);
    const ours = workers.map(({ pid }) => memoryOf(pid));
    const node = bare.map(({ pid }) => memoryOf(pid ?? 0));
    const least = pollers.map(({ pid }) => memoryOf(pid ?? 0));
    const resident = { ours: ours.map(total), node: node.map(total), least: least.map(total) };
    const own = { ours: ours.map(anonymous), node: node.map(anonymous), least: least.map(anonymous) };
    const against = (of: typeof own): string =>
      `bare Node ${readable(median(of.node))} MB, bare poller ${readable(median(of.least))} MB`;
    return {
      rows: [
        informing({
          measure: `resident, polling ${REST_PERSONS} persons`,
          ours: `${readable(median(resident.ours))} MB`,
          against: against(resident),
          figure: `bare Node + ${readable(median(resident.ours) - median(resident.node))} MB (median of ${count})`,
        }),
        informing({
          measure: "of it the process's own (RssAnon)",
          ours: `${readable(median(own.ours))} MB`,
          against: against(own),
          figure: `bare Node + ${readable(median(own.ours) - median(own.node))} MB`,
        }),
      ],
      panels: [
        panel(`Resident memory, polling ${REST_PERSONS} persons`, resident),
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
      ...[...bare, ...pollers].map((child) => ended(child)),
      service.stop(),
    ]);
  }
}

function panel(title: string, of: Record<"ours" | "node" | "least", readonly number[]>, bound?: Panel["bound"]): Panel {
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

function total(of: ProcessMemory): number {
  return of.totalMB;
}

function anonymous(of: ProcessMemory): number {
  return of.ownMB;
}

async function rosterMemory({ rounds, say }: BenchContext): Promise<Findings> {
  const child = fileURLToPath(new URL("children/roster-memory.js", import.meta.url));
  const measured: { persons: number; added: number[] }[] = [];
  for (const persons of [LARGE, 2 * LARGE]) {
    const added: number[] = [];
    for (let round = 0; round < rounds(5); round += 1) {
      say(`a roster of ${persons} persons, ${round + 1}`);
      const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", child, String(persons)]);
      added.push((JSON.parse(stdout) as RosterMemory).bytes / 1e6);
    }
    measured.push({ persons, added });
  }
  const rows = measured.map(({ persons, added }) => {
    const row = {
      measure: `added by ${whole(persons)} persons`,
      ours: `${readable(median(added))} MB`,
      against: "",
      figure: `${readable((median(added) * 1e6) / persons)} bytes a person`,
    };
    return persons === LARGE ? judged(row, `< ${ROSTER_BOUND_MB} MB`, median(added) < ROSTER_BOUND_MB) : informing(row);
  });
  return {
    rows,
    panels: [
      {
        title: "Heap and buffers that a roster adds",
        unit: "MB",
        series: measured.map(({ persons, added }) => ({ label: `${whole(persons)} persons`, samples: added, ours: true })),
        bound: { value: ROSTER_BOUND_MB, label: `${ROSTER_BOUND_MB} MB for ${whole(LARGE)}` },
      },
    ],
    notes: [],
  };
}

async function afterLargeSweep({ worker, say }: BenchContext): Promise<Findings> {
  say(`a worker sweeps ${LARGE} persons`);
  const service = await SimulatedService.start(LARGE, 60);
  const large = await WorkerProcess.launch(
    worker,
    service.settings("WebexPresence.Enable=1", "WebexPresence.RequestsPerMinute=600", "WebexPresence.PollIntervalSeconds=3600"),
  );
  try {
    await large.authorize(service);
    await large.until("the large sweep", ({ organizations }) => organizations[0]?.lastSweep?.persons === LARGE, 120_000);
    const atOnce = memoryOf(large.pid).totalMB;
    await pause(REST_MS);
    const row = (measure: string, value: number) =>
      informing({ measure, ours: `${readable(value)} MB`, against: "", figure: "" });
    return {
      rows: [
        row(`resident, just after a sweep of ${whole(LARGE)}`, atOnce),
        row(`resident, ${REST_MS / 1000} s later`, memoryOf(large.pid).totalMB),
      ],
      panels: [],
      notes: ["After a large sweep V8 keeps for a while what it took for the pages; the roster itself is the row above."],
    };
  } finally {
    await large.stop();
    await service.stop();
  }
}
