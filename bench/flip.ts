import { writeFile } from "node:fs/promises";
import { watch } from "chokidar";

import { WebexSimulator } from "../simulator/webex-simulator.js";
import { infoRow, boundedRow, type Bench } from "./bench.js";
import { median, formatNumber, formatCount } from "./samples.js";
import { sleep, WorkerProcess } from "./worker-process.js";

const FLIPS = 9;
/** Contract: an edit is in force within a second of the last write, its effect on polling included. */
const BOUND_MS = 1_000;
const DEADLINE_MS = 5_000;

export const flip: Bench = {
  name: "flip",
  title: "From the switch in Presence.ini to the first request",
  description:
    "`WebexPresence.Enable` is written from 0 to 1 in place; measured is the time from the beginning of the write to the first request that the simulated Webex " +
    "hears. Held against chokidar's own `change` event, with its documented defaults, for the same write. The worker waits on purpose: " +
    "an editor that saves in pieces with pauses of up to 200 ms must be one edit, which chokidar's event does not promise.",
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
        // The event may be there before the promise of the write is: both clocks start when the write was begun.
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
              ours: `${formatNumber(median(requests))} ms`,
              against: `chokidar's event ${formatNumber(median(events))} ms`,
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
          "chokidar runs in this process with the simulator, the worker in its own: what it adds beyond the event is reading, deciding and asking.",
        ],
      };
    } finally {
      await watcher.close();
      await process.stop();
      await webex.stop();
    }
  },
};
