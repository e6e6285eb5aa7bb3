// One way of reading a whole organization; each message of the parent is answered with what one sweep cost this process.
import { sweepers, type SweeperName } from "../sweepers.js";

export interface SweepCost {
  readonly persons: number;
  readonly cpuMs: number;
  /** Resident memory afterwards, in 10^6 bytes. */
  readonly residentMb: number;
}

const [name = "", apiUrl = "", token = ""] = process.argv.slice(2);
const sweeper = await sweepers[name as SweeperName](apiUrl, token);
process.on("message", () => void sweepOnce().then((cost) => process.send?.(cost)));
process.on("disconnect", () => process.exit(0));
process.send?.("ready");

async function sweepOnce(): Promise<SweepCost> {
  const cpu = process.cpuUsage();
  const persons = await sweeper();
  const { user, system } = process.cpuUsage(cpu);
  return { persons, cpuMs: (user + system) / 1_000, residentMb: process.memoryUsage.rss() / 1e6 };
}
