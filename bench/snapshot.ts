import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { informing, judged, type Bench, type Row } from "./bench.js";
import { CISCO_SDK_VERSIONS, installCiscoSdk } from "./cisco-sdk-install.js";
import type { SweepCost } from "./children/sweeper.js";
import { interleaved, median, pairedRatio, readable, whole } from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import type { SweeperName } from "./sweepers.js";
import type { Panel } from "./svg-plot.js";

const SIZES = [1_000, 10_000, 50_000];
const BOUND = 1.15;
/** Sweeps before the clock counts: the compiler has seen the code by then. */
const WARM_UP = 2;

const LABELS: Readonly<Record<SweeperName, string>> = {
  product: "worker",
  productWithoutRoster: "worker without its roster",
  raw: "raw request, JSON.parse",
  axios: "axios",
  ciscoSdk: "Cisco's JavaScript SDK",
};

/** What each sweep has cost, by contender; Cisco's SDK runs only where it can be installed. */
type Costs = Record<Exclude<SweeperName, "ciscoSdk">, number[]> & { readonly ciscoSdk?: number[] };

export const snapshot: Bench = {
  name: "snapshot",
  title: "Reading a whole organization",
  about:
    "A sweep of all pages of 1,000 over HTTP on this machine, the simulated Webex in a process of its own, each contender in a process of its own and warm. " +
    "Measured is processor time (`process.cpuUsage`, collector and compiler threads included) for one sweep. The worker's path is its HTTP, REST client, decoding and roster; the " +
    "floor is Node's own request with one `JSON.parse` a page and nothing done with the result.",
  async run({ rounds, say }) {
    const missing = await installCiscoSdk(say).then(
      () => null,
      (error: unknown) => `LEFT OUT, so nothing is said of it here: ${(error as Error).message}`,
    );
    if (missing !== null) say(missing);
    const names = (Object.keys(LABELS) as SweeperName[]).filter((name) => name !== "ciscoSdk" || missing === null);
    const rows: Row[] = [];
    const panels: Panel[] = [];
    for (const persons of SIZES) {
      const count = rounds(persons > 10_000 ? 7 : 15);
      say(`${persons} persons, ${count} sweeps by each`);
      const cpu = await sweeps(persons, count, names);
      rows.push(...rowsOf(`sweep of ${whole(persons)}`, cpu));
      panels.push({
        title: `Processor time for a sweep of ${whole(persons)}`,
        unit: "ms",
        series: names.map((name) => ({ label: LABELS[name], samples: cpu[name] ?? [], ours: name.startsWith("product") })),
        bound: { value: median(cpu.raw) * BOUND, label: `${BOUND} × raw` },
      });
    }
    return { rows, panels, notes: [missing ?? `${LABELS.ciscoSdk}, installed apart by the bench: ${CISCO_SDK_VERSIONS}.`] };
  },
};

function rowsOf(sweep: string, cpu: Costs): Row[] {
  const ratio = pairedRatio(cpu.product, cpu.raw);
  const bare = pairedRatio(cpu.productWithoutRoster, cpu.raw);
  const ms = (values: readonly number[]): string => `${readable(median(values))} ms`;
  const rows = [
    judged(
      {
        measure: sweep,
        ours: ms(cpu.product),
        against: `raw ${ms(cpu.raw)}, axios ${ms(cpu.axios)}`,
        figure: `${ratio.toFixed(2)} × raw`,
      },
      `≤ ${BOUND} ×`,
      ratio <= BOUND,
    ),
    informing({
      measure: `${sweep}, without the roster`,
      ours: ms(cpu.productWithoutRoster),
      against: `raw ${ms(cpu.raw)}`,
      figure: `${bare.toFixed(2)} × raw`,
    }),
  ];
  if (cpu.ciscoSdk !== undefined) {
    const theirs = pairedRatio(cpu.ciscoSdk, cpu.product);
    rows.push(
      informing({
        measure: `${sweep}, against Cisco's SDK`,
        ours: ms(cpu.product),
        against: `Cisco's SDK ${ms(cpu.ciscoSdk)}`,
        figure: `the SDK takes ${theirs.toFixed(2)} ×`,
      }),
    );
  }
  return rows;
}

async function sweeps(persons: number, count: number, names: readonly SweeperName[]): Promise<Costs> {
  const service = await SimulatedService.start(persons, 0);
  const children = new Map<SweeperName, ChildProcess>();
  try {
    const contenders = {} as Record<SweeperName, () => Promise<number>>;
    for (const name of names) {
      const child = await sweeperProcess(name, service);
      children.set(name, child);
      contenders[name] = () => cpuOfSweep(child, persons);
    }
    for (let round = 0; round < WARM_UP; round += 1) for (const sweep of Object.values(contenders)) await sweep();
    return await interleaved(contenders, count);
  } finally {
    for (const child of children.values()) child.disconnect();
    await service.stop();
  }
}

/** A contender's process: the first message says that it is ready, each further one what a sweep has cost. */
async function sweeperProcess(name: SweeperName, service: SimulatedService): Promise<ChildProcess> {
  const args = [name, service.apiUrl, service.grant.accessToken];
  const child = fork(fileURLToPath(new URL("children/sweeper.js", import.meta.url)), args);
  await answerOf(child);
  return child;
}

async function cpuOfSweep(child: ChildProcess, persons: number): Promise<number> {
  child.send("sweep");
  const cost = (await answerOf(child)) as SweepCost;
  if (cost.persons < persons) throw new Error(`A sweep told ${cost.persons} of ${persons} persons.`);
  return cost.cpuMs;
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error("A contender has ended."));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message);
    });
  });
}
