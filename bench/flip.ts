import { writeFile } from "node:fs/promises";
import { watch } from "chokidar";

import { WebexSimulator } from "../simulator/webex-simulator.js";
import { infoRow, boundedRow, type Bench } from "./bench.js";
import { median, formatNumber, formatCount, formatMedian } from "./samples.js";
import { sleep, WorkerProcess } from "./worker-process.js";

const FLIPS = 9;
/** An edit must take effect, including on polling, within one second of the last write. */
const BOUND_MS = 1_000;
const DEADLINE_MS = 5_000;

export const flip: Bench = {
  name: "flip",
  title: "From the switch in Presence.ini to the first request",
  description:
    "The time from the start of a write that changes `WebexPresence.Enable` from 0 to 1 in place to the first request at the simulated Webex, " +
    "compared with chokidar's `change` event, with its documented defaults, for the same write. The worker waits deliberately: an editor that " +
    "saves in parts with pauses of up to 200 ms makes one edit, which chokidar's event does not guarantee.",
  async run({ worker, rounds, log }) {
    const webex = new WebexSimulator({
      organizations: [{ name: "Example Ltd", persons: 100, seed: 7 }],
      speed: 0,
    });
    await webex.start();
    const settingsLines = (enable: 0 | 1): string[] => [
      `WebexPresence.Enable=${enable}`,
      `WebexPresence.ApiUrl=${webex.apiUrl}`,
      "WebexPresence.Authorize=off",
      "WebexPresence.RequestsPerMinute=600",
    ];
    const process = await WorkerProcess.launch(worker, settingsLines(0));
    const watcher = watch(process.settingsPath);
    try {
      await new Promise<void>((resolve) => watcher.once("ready", resolve));
      const { refreshToken, accessToken, expiresIn, scope } = webex.issueGrant();
      await process.request("authorization/setClient", webex.client);
      await process.request("authorization/import", {
        refreshToken,
        accessToken,
        expiresIn,
        scope,
      });
      const requests: number[] = [];
      const events: number[] = [];
      const count = rounds(FLIPS);
      log(`${count} flips`);
      for (let round = 0; round <= count; round += 1) {
        await process.waitForStatus("disabled", ({ phase }) => phase === "disabled", DEADLINE_MS);
        await sleep(600 + 37 * round);
        let writtenAt = Number.NaN;
        const since = (): number => performance.now() - writtenAt;
        const firstRequest = webex.nextRequest({}, DEADLINE_MS).then(since);
        const changeEvent = new Promise<void>((resolve) =>
          watcher.once("change", () => resolve()),
        ).then(since);
        const written = writeFile(process.settingsPath, settingsLines(1).join("\r\n"));
        // The event may precede the end of the write, so both times start with the write.
        writtenAt = performance.now();
        await written;
        const [request, change] = [await firstRequest, await changeEvent];
        if (round > 0) {
          requests.push(request);
          events.push(change);
        }
        await sleep(600);
        await writeFile(process.settingsPath, settingsLines(0).join("\r\n"));
      }
      return {
        rows: [
          boundedRow(
            {
              measure: "Enable=1 to the first request",
              ours: formatMedian(requests, "ms"),
              against: `chokidar's event ${formatMedian(events, "ms")}`,
              figure: `+${formatNumber(median(requests) - median(events))} ms (median of ${count})`,
            },
            `≤ ${formatCount(BOUND_MS)} ms`,
            median(requests) <= BOUND_MS,
          ),
          infoRow({
            measure: "the slowest",
            ours: `${formatNumber(Math.max(...requests))} ms`,
            against: `chokidar's event ${formatNumber(Math.max(...events))} ms`,
            figure: "",
          }),
        ],
        panels: [
          {
            title: "From the write to the first request",
            unit: "ms",
            series: [
              { label: "worker's first request", samples: requests, ours: true },
              { label: "chokidar's change event", samples: events },
            ],
            bound: { value: BOUND_MS, label: "1 s" },
          },
        ],
        notes: [
          "chokidar runs in the process of the simulator and the worker in its own. Beyond the event, the worker reads the file, decides and sends a request.",
        ],
      };
    } finally {
      await watcher.close();
      await process.stop();
      await webex.stop();
    }
  },
};
