import { spawn } from "node:child_process";
import { deepStrictEqual } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { informing, judged, type Bench } from "./bench.js";
import { FrameCounter } from "./frame-counter.js";
import { interleaved, median, pairedRatio, readable } from "./samples.js";
import { ended, launchArguments } from "./worker-process.js";

const PAIRS = 25;
const BOUND = 1.25;
const BARE = join("bench", "peers", "bare-answer.cjs");
const REQUEST = FrameCounter.frame({
  jsonrpc: "2.0",
  id: 1,
  method: "presence/get",
  params: { uri: "sip:someone@example.com" },
});

export const start: Bench = {
  name: "start",
  title: "From launch to the first answer",
  about:
    "The built worker is launched with a `presence/get` in its input already; measured is the time from the launch to the last byte of the answer. Held " +
    "against a bare Node process that gives the same answer without a library or a check.",
  async run({ worker, rounds, say }) {
    const folder = await mkdtemp(join(tmpdir(), "ucx-bench-"));
    try {
      const ours = [worker, ...launchArguments(folder)];
      deepStrictEqual(
        withoutTimes(await firstAnswer(ours)),
        withoutTimes(await firstAnswer([BARE])),
        "The two answer differently.",
      );
      const pairs = rounds(PAIRS);
      say(`${pairs} pairs of launches`);
      const took = await interleaved(
        { worker: async () => (await firstAnswer(ours)).ms, bare: async () => (await firstAnswer([BARE])).ms },
        pairs,
      );
      const ratio = pairedRatio(took.worker, took.bare);
      const least = Math.min(...took.worker) / Math.min(...took.bare);
      const bareMs = median(took.bare);
      return {
        rows: [
          judged(
            {
              measure: "first answer",
              ours: `${readable(median(took.worker))} ms`,
              against: `bare Node ${readable(bareMs)} ms`,
              figure: `${ratio.toFixed(2)} × (median of ${pairs} pairs)`,
            },
            `≤ ${BOUND} ×`,
            ratio <= BOUND,
          ),
          informing({
            measure: "first answer, best of all",
            ours: `${readable(Math.min(...took.worker))} ms`,
            against: `bare Node ${readable(Math.min(...took.bare))} ms`,
            figure: `${least.toFixed(2)} ×`,
          }),
        ],
        panels: [
          {
            title: "From launch to the first answer",
            unit: "ms",
            series: [
              { label: "worker", samples: took.worker, ours: true },
              { label: "bare Node", samples: took.bare },
            ],
            bound: { value: bareMs * BOUND, label: `${BOUND} × bare Node` },
          },
        ],
        notes: [],
      };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function firstAnswer(args: readonly string[]): Promise<{ ms: number; answer: string }> {
  const launchedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.on("error", () => undefined).write(REQUEST);
  const counter = new FrameCounter();
  const chunks: Buffer[] = [];
  const ms = await new Promise<number>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (counter.push(chunk) > 0) resolve(performance.now() - launchedAt);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`It ended (${String(code)}) without an answer: ${args.join(" ")}`)));
  });
  await ended(child);
  return { ms, answer: FrameCounter.firstBody(Buffer.concat(chunks)) };
}

function withoutTimes({ answer }: { answer: string }): unknown {
  return JSON.parse(answer.replace(/"since":"[^"]*"/, '"since":null'));
}
