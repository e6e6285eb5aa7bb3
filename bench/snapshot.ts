import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { CISCO_SDK_VERSIONS, installCiscoSdk } from "./cisco-sdk.js";
import type { SweeperName, SweepCost } from "./children/sweeper.js";
import { infoRow, boundedRow, type Panel, type Bench, type Row } from "./bench.js";
import {
  interleaved,
  median,
  pairedRatio,
  formatNumber,
  formatCount,
  formatMedian,
} from "./samples.js";
import { SimulatedService } from "./simulated-service.js";

const SIZES = [1_000, 10_000, 50_000];
const BOUND = 1.2;
/** People as JSON compress 1:6.2 at gzip's default level. */
const BYTES_BOUND = 1 / 6;
/** Sweeps before the measurement, after which V8 has compiled the code. */
const WARM_UP = 2;
/** Simulated time between two sweeps of a contender: the default of `PollIntervalSeconds`. */
const INTERVAL_MS = 20_000;

const LABELS: Readonly<Record<SweeperName, string>> = {
  product: "worker",
  productAtFirst: "worker, its first sweep",
  rawGzip: "raw request, gunzip, JSON.parse",
  raw: "the same, uncompressed",
  axios: "axios",
  ciscoSdk: "Cisco's JavaScript SDK",
};

/** Values by contender; Cisco's SDK is missing if it cannot be installed. */
type ByContender<T> = Record<Exclude<SweeperName, "ciscoSdk">, T> & { readonly ciscoSdk?: T };

/** Milliseconds of processor time per sweep, and resident memory after the last one. */
interface Costs {
  readonly cpu: ByContender<number[]>;
  readonly residentMb: ByContender<number>;
  /** Received in the last sweep. */
  readonly wireBytes: ByContender<number>;
  /** The percentage of people whose status changed between two sweeps of a contender. */
  readonly changedPercent: number;
}

export const snapshot: Bench = {
  name: "snapshot",
  title: "Reading a whole organization",
  description:
    "Processor time (`process.cpuUsage`, including collector and compiler threads) for one sweep of all pages of 1,000 over local HTTP. The simulated Webex and each " +
    "contender, already warm, run in processes of their own, and 20 s of simulated working time pass between two sweeps of a contender. The worker's path consists of its " +
    "HTTP, REST client, decoding and roster; the floor is Node's own request with one `gunzipSync` and one `JSON.parse` per page, without using the result. The simulator compresses at gzip's default level what a contender accepts compressed; bytes on the wire are those that a contender's sockets received.",
  async run({ rounds, log }) {
    const installError = await installCiscoSdk(log).then(
      () => null,
      (error: unknown) => `LEFT OUT, so there are no results for it: ${(error as Error).message}`,
    );
    if (installError !== null) log(installError);
    const contenderNames = (Object.keys(LABELS) as SweeperName[]).filter(
      (name) => name !== "ciscoSdk" || installError === null,
    );
    const rows: Row[] = [];
    const panels: Panel[] = [];
    const changedCount: number[] = [];
    for (const persons of SIZES) {
      const count = rounds(persons > 10_000 ? 9 : 15);
      log(`${persons} persons, ${count} sweeps per contender`);
      const costs = await measureSweeps(persons, count, contenderNames);
      changedCount.push(costs.changedPercent);
      rows.push(...createRows(`sweep of ${formatCount(persons)}`, costs));
      panels.push({
        title: `Processor time for a sweep of ${formatCount(persons)}`,
        unit: "ms",
        series: contenderNames.map((name) => ({
          label: LABELS[name],
          samples: costs.cpu[name] ?? [],
          ours: name.startsWith("product"),
        })),
        bound: { value: median(costs.cpu.rawGzip) * BOUND, label: `${BOUND} × raw` },
      });
      panels.push({
        title: `Bytes on the wire for a sweep of ${formatCount(persons)}`,
        unit: "MB",
        series: contenderNames.map((name) => ({
          label: LABELS[name],
          samples: [(costs.wireBytes[name] ?? 0) / 1e6],
          ours: name.startsWith("product"),
        })),
      });
    }
    const notes = [
      `Between two sweeps of a contender, the status of ${formatNumber(median(changedCount))} % of the people changed.`,
      installError ??
        `${LABELS.ciscoSdk}, installed separately by the bench: ${CISCO_SDK_VERSIONS}.`,
    ];
    return { rows, panels, notes };
  },
};

function createRows(sweep: string, { cpu, residentMb, wireBytes }: Costs): Row[] {
  const ratio = pairedRatio(cpu.product, cpu.rawGzip);
  const bytesRatio = wireBytes.product / wireBytes.raw;
  const ms = (values: readonly number[]): string => formatMedian(values, "ms");
  const mb = (value: number): string => `${formatNumber(value)} MB`;
  const sdk = cpu.ciscoSdk;
  const ahead = Math.min(
    ...[cpu.axios, ...(sdk === undefined ? [] : [sdk])].map((other) =>
      pairedRatio(other, cpu.product),
    ),
  );
  return [
    boundedRow(
      {
        measure: sweep,
        ours: ms(cpu.product),
        against: `raw ${ms(cpu.rawGzip)}; uncompressed ${ms(cpu.raw)}`,
        figure: `${ratio.toFixed(2)} × raw`,
      },
      `≤ ${BOUND} ×`,
      ratio <= BOUND,
    ),
    boundedRow(
      {
        measure: `${sweep}, bytes on the wire`,
        ours: mb(wireBytes.product / 1e6),
        against: `uncompressed ${mb(wireBytes.raw / 1e6)}, raw ${mb(wireBytes.rawGzip / 1e6)}`,
        figure: `1/${(1 / bytesRatio).toFixed(1)} of uncompressed`,
      },
      `≤ 1/${1 / BYTES_BOUND}`,
      bytesRatio <= BYTES_BOUND,
    ),
    boundedRow(
      {
        measure: `${sweep}, compared with the other libraries`,
        ours: ms(cpu.product),
        against: `axios ${ms(cpu.axios)}${sdk === undefined ? "" : `, Cisco's SDK ${ms(sdk)}`}`,
        figure: `the faster one takes ${ahead.toFixed(2)} ×`,
      },
      "> 1 ×",
      ahead > 1,
    ),
    infoRow({
      measure: `${sweep}, first sweep`,
      ours: ms(cpu.productAtFirst),
      against: `raw ${ms(cpu.rawGzip)}`,
      figure: `${pairedRatio(cpu.productAtFirst, cpu.rawGzip).toFixed(2)} × raw`,
    }),
    infoRow({
      measure: `resident after sweeps of ${sweep.split(" ").at(-1) ?? ""}`,
      ours: mb(residentMb.product),
      against: `raw ${mb(residentMb.rawGzip)}, axios ${mb(residentMb.axios)}${
        residentMb.ciscoSdk === undefined ? "" : `, Cisco's SDK ${mb(residentMb.ciscoSdk)}`
      }`,
      figure: `${(residentMb.product / residentMb.rawGzip).toFixed(2)} × raw`,
    }),
  ];
}

async function measureSweeps(
  persons: number,
  count: number,
  contenderNames: readonly SweeperName[],
): Promise<Costs> {
  const service = await SimulatedService.start(persons, 1);
  const children = new Map<SweeperName, ChildProcess>();
  const residentMb = {} as ByContender<number>;
  const wireBytes = {} as ByContender<number>;
  let changedCount = 0;
  let steps = 0;
  try {
    const contenders = {} as Record<SweeperName, () => Promise<number>>;
    for (const name of contenderNames) {
      const child = await startSweeper(name, service);
      children.set(name, child);
      contenders[name] = async () => {
        changedCount += await service.advanceTime(INTERVAL_MS / contenderNames.length);
        steps += 1;
        const cost = await measureSweep(child, persons);
        Object.assign(residentMb, { [name]: cost.residentMb });
        Object.assign(wireBytes, { [name]: cost.wireBytes });
        return cost.cpuMs;
      };
    }
    for (let round = 0; round < WARM_UP; round += 1)
      for (const sweep of Object.values(contenders)) await sweep();
    const cpu = await interleaved(contenders, count);
    return {
      cpu,
      residentMb,
      wireBytes,
      changedPercent: (100 * changedCount * contenderNames.length) / steps / persons,
    };
  } finally {
    for (const child of children.values()) child.disconnect();
    await service.stop();
  }
}

/** Starts a contender. Its first message reports that it is ready, each other a sweep's cost. */
async function startSweeper(name: SweeperName, service: SimulatedService): Promise<ChildProcess> {
  const args = [name, service.apiUrl, service.grant.accessToken];
  const child = fork(fileURLToPath(new URL("children/sweeper.js", import.meta.url)), args);
  await nextMessage(child);
  return child;
}

async function measureSweep(child: ChildProcess, persons: number): Promise<SweepCost> {
  child.send("sweep");
  const cost = (await nextMessage(child)) as SweepCost;
  if (cost.persons < persons)
    throw new Error(`A sweep returned ${cost.persons} of ${persons} persons.`);
  return cost;
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (): void => reject(new Error("A contender has exited."));
    child.once("exit", onExit);
    child.once("message", (message) => {
      child.off("exit", onExit);
      resolve(message);
    });
  });
}
