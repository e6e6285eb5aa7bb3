import { spawn } from "node:child_process";
import { deepStrictEqual } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { infoRow, boundedRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import { FrameCounter } from "./message-peer.js";
import type { BenchRuntime } from "./runtime.js";
import { interleaved, median, pairedRatio, formatNumber, formatMedian } from "./samples.js";
import { endChild, launchArguments } from "./worker-process.js";

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
  description:
    "The time from launching the built worker, with a `presence/get` already in its input, to the last byte of the answer, compared with a bare " +
    "Node process that gives the same answer without libraries or checks.",
  async run(context) {
    const results = [];
    for (const runtime of context.runtimes) results.push(await measure(context, runtime));
    return {
      rows: results.flatMap(({ rows }) => rows),
      panels: results.flatMap(({ panels }) => panels),
      notes: [],
    };
  },
};

async function measure(
  { worker, rounds, log }: BenchContext,
  { suffix, executable }: BenchRuntime,
): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), "ucx-bench-"));
  try {
    const launch = {
      worker: () => firstAnswer(executable, [worker, ...launchArguments(folder)]),
      bare: () => firstAnswer(executable, [BARE]),
    };
    deepStrictEqual(
      withoutTimes(await launch.worker()),
      withoutTimes(await launch.bare()),
      "The worker and the bare process answer differently.",
    );
    const pairs = rounds(PAIRS);
    log(`${pairs} pairs of launches${suffix}`);
    const durations = await interleaved(
      {
        worker: async () => (await launch.worker()).ms,
        bare: async () => (await launch.bare()).ms,
      },
      pairs,
    );
    const ratio = pairedRatio(durations.worker, durations.bare);
    const bestRatio = Math.min(...durations.worker) / Math.min(...durations.bare);
    const bareMs = median(durations.bare);
    const addedMs = median(durations.worker) - bareMs;
    return {
      rows: [
        boundedRow(
          {
            measure: `first answer${suffix}`,
            ours: formatMedian(durations.worker, "ms"),
            against: `bare Node ${formatNumber(bareMs)} ms`,
            figure: `${ratio.toFixed(2)} ×, + ${formatNumber(addedMs)} ms (median of ${pairs} pairs)`,
          },
          `≤ ${BOUND} ×`,
          ratio <= BOUND,
        ),
        infoRow({
          measure: `first answer, minimum${suffix}`,
          ours: `${formatNumber(Math.min(...durations.worker))} ms`,
          against: `bare Node ${formatNumber(Math.min(...durations.bare))} ms`,
          figure: `${bestRatio.toFixed(2)} ×`,
        }),
      ],
      panels: [
        {
          title: `From launch to the first answer${suffix}`,
          unit: "ms",
          series: [
            { label: "worker", samples: durations.worker, ours: true },
            { label: "bare Node", samples: durations.bare },
          ],
          bound: { value: bareMs * BOUND, label: `${BOUND} × bare Node` },
        },
      ],
      notes: [],
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function firstAnswer(
  executable: string,
  args: readonly string[],
): Promise<{ ms: number; answer: string }> {
  const launchedAt = performance.now();
  const child = spawn(executable, args, { stdio: ["pipe", "pipe", "ignore"] });
  child.stdin.on("error", () => undefined).write(REQUEST);
  const counter = new FrameCounter();
  const chunks: Buffer[] = [];
  const ms = await new Promise<number>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (counter.push(chunk) > 0) resolve(performance.now() - launchedAt);
    });
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`Exited with code ${String(code)} without an answer: ${args.join(" ")}`)),
    );
  });
  await endChild(child);
  return { ms, answer: FrameCounter.firstBody(Buffer.concat(chunks)) };
}

function withoutTimes({ answer }: { answer: string }): unknown {
  return JSON.parse(answer.replace(/"since":"[^"]*"/, '"since":null'));
}
