import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { infoRow, boundedRow, type Bench, type BenchContext, type BenchResult } from "./bench.js";
import { FrameCounter, LineCounter, MessagePeer } from "./message-peer.js";
import {
  interleaved,
  median,
  pairedRatio,
  formatNumber,
  formatCount,
  formatMedian,
} from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import { WorkerProcess } from "./worker-process.js";

const ROUNDS = 11;
const PERSONS = 1_000;
const SEQUENTIAL = 2_000;
const PIPELINED = 10_000;
const MANY = 100;
const MANY_CALLS = 200;
const CHANGED_PERSONS = 20_000;
const BATCH = 500;
const SEQUENTIAL_BOUND = 1.15;
const PIPELINED_BOUND = 1.2;
const CHANGES_BOUND = 1_200_000;
const ECHO_PEER = join("bench", "peers", "echo.mjs");

export const rpc: Bench = {
  name: "rpc",
  title: "Answers and changes over JSON-RPC",
  description:
    `The built worker, polling ${PERSONS} simulated persons, answers \`presence/get\` one at a time, ${PIPELINED} pipelined, and \`presence/getMany\` of ` +
    `${MANY}, compared with a bare vscode-jsonrpc worker that echoes a record of the same size, and with a floor that speaks newline-delimited JSON without a library. ` +
    `Changes: the worker's channel, protocol and presence code notify a subscriber of everybody of ${CHANGED_PERSONS} changed records, compared with a floor that creates and writes as many for the same people.`,
  async run(context) {
    const answersResult = await measureAnswers(context);
    const changesResult = await measureChanges(context);
    return {
      rows: [...answersResult.rows, ...changesResult.rows],
      panels: [...answersResult.panels, ...changesResult.panels],
      notes: [],
    };
  },
};

async function measureAnswers({ worker, rounds, log }: BenchContext): Promise<BenchResult> {
  const service = await SimulatedService.start(PERSONS, 0);
  const ours = await WorkerProcess.launch(
    worker,
    service.settings("WebexPresence.Enable=1", "WebexPresence.PollIntervalSeconds=3600"),
  );
  const echo = MessagePeer.spawn([ECHO_PEER, "jsonrpc"], FrameCounter);
  const lines = MessagePeer.spawn([ECHO_PEER, "lines"], LineCounter);
  try {
    await ours.authorize(service);
    await ours.waitForSweep(PERSONS, 30_000);
    const { input, output } = ours.detachStreams();
    const peers = {
      worker: new MessagePeer(input, output, FrameCounter),
      echo: echo.peer,
      lines: lines.peer,
    };
    const count = rounds(ROUNDS);
    const measure = async (run: (peer: MessagePeer) => Promise<number>) =>
      interleaved(
        {
          worker: () => run(peers.worker),
          echo: () => run(peers.echo),
          lines: () => run(peers.lines),
        },
        count,
      );
    const uri = (index: number): string =>
      `sip:${service.addresses[index % service.addresses.length] ?? ""}`;
    const get = (id: number) => ({
      jsonrpc: "2.0",
      id,
      method: "presence/get",
      params: { uri: uri(id) },
    });
    const first = await peers.worker.collect(peers.worker.bytes([get(1)]), 1);
    if (!first.includes('"personId":"')) {
      throw new Error(`The worker does not know the requested person: ${first}`);
    }

    log(`${count} × ${SEQUENTIAL} presence/get one at a time`);
    const sequential = await measure(async (peer) => {
      const requests = Array.from({ length: SEQUENTIAL }, (_, id) => peer.bytes([get(id + 1)]));
      const startedAt = performance.now();
      for (const request of requests) await peer.exchange(request, 1);
      return ((performance.now() - startedAt) * 1_000) / SEQUENTIAL;
    });
    log(`${count} × ${PIPELINED} presence/get pipelined`);
    const pipelined = await measure(async (peer) => {
      const bytes = peer.bytes(Array.from({ length: PIPELINED }, (_, id) => get(id + 1)));
      return PIPELINED / ((await peer.exchange(bytes, PIPELINED)) / 1_000);
    });
    log(`${count} × ${MANY_CALLS} presence/getMany of ${MANY}`);
    const many = await measure(async (peer) => {
      const requests = Array.from({ length: MANY_CALLS }, (_, id) => {
        const uris = Array.from({ length: MANY }, (_, index) => uri(id * MANY + index));
        return peer.bytes([
          { jsonrpc: "2.0", id: id + 1, method: "presence/getMany", params: { uris } },
        ]);
      });
      const startedAt = performance.now();
      for (const request of requests) await peer.exchange(request, 1);
      return ((performance.now() - startedAt) * 1_000) / MANY_CALLS;
    });
    const sequentialRatio = pairedRatio(sequential.worker, sequential.echo);
    const pipelinedRatio = pairedRatio(pipelined.worker, pipelined.echo);
    return {
      rows: [
        boundedRow(
          {
            measure: "presence/get one at a time",
            ours: formatMedian(sequential.worker, "µs"),
            against: `echo ${formatMedian(sequential.echo, "µs")}, floor ${formatMedian(sequential.lines, "µs")}`,
            figure: `${sequentialRatio.toFixed(2)} × the echo's time`,
          },
          `≤ ${SEQUENTIAL_BOUND} ×`,
          sequentialRatio <= SEQUENTIAL_BOUND,
        ),
        boundedRow(
          {
            measure: `presence/get, ${formatCount(PIPELINED)} pipelined`,
            ours: `${formatNumber(median(pipelined.worker))}/s`,
            against: `echo ${formatNumber(median(pipelined.echo))}/s, floor ${formatNumber(median(pipelined.lines))}/s`,
            figure: `${pipelinedRatio.toFixed(2)} × the echo's rate`,
          },
          `≥ ${PIPELINED_BOUND} ×`,
          pipelinedRatio >= PIPELINED_BOUND,
        ),
        infoRow({
          measure: `presence/getMany of ${MANY}`,
          ours: formatMedian(many.worker, "µs"),
          against: `echo ${formatMedian(many.echo, "µs")}, floor ${formatMedian(many.lines, "µs")}`,
          figure: `${pairedRatio(many.worker, many.echo).toFixed(2)} × the echo's time`,
        }),
      ],
      panels: [
        panel("presence/get one at a time", "µs, less is better", sequential),
        panel(
          `presence/get, ${formatCount(PIPELINED)} pipelined`,
          "per second, more is better",
          pipelined,
        ),
        panel(`presence/getMany of ${MANY}`, "µs, less is better", many),
      ],
      notes: [],
    };
  } finally {
    await Promise.all([ours.stop(), MessagePeer.stop(echo.child), MessagePeer.stop(lines.child)]);
    await service.stop();
  }
}

function panel(
  title: string,
  unit: string,
  samples: Record<"worker" | "echo" | "lines", readonly number[]>,
): BenchResult["panels"][number] {
  return {
    title,
    unit,
    series: [
      { label: "worker", samples: samples.worker, ours: true },
      { label: "vscode-jsonrpc echo", samples: samples.echo },
      { label: "newline-JSON floor", samples: samples.lines },
    ],
  };
}

async function measureChanges({ rounds, log }: BenchContext): Promise<BenchResult> {
  const child = fileURLToPath(new URL("children/changing-worker.js", import.meta.url));
  const ours = MessagePeer.spawn([child, String(CHANGED_PERSONS)], FrameCounter);
  const lines = MessagePeer.spawn([ECHO_PEER, "lines"], LineCounter);
  try {
    const subscribe = ours.peer.bytes([
      { jsonrpc: "2.0", id: 1, method: "presence/subscribe", params: { all: true } },
    ]);
    const answer = await ours.peer.collect(subscribe, 1);
    // Both use the same people, because each person's own strings are part of the cost.
    const { result } = JSON.parse(answer.slice(answer.indexOf("{"))) as {
      result: { records: object[] };
    };
    const setPeople = {
      jsonrpc: "2.0",
      id: 1,
      method: "setPeople",
      params: { records: result.records },
    };
    await lines.peer.exchange(lines.peer.bytes([setPeople]), 1);
    const change = ours.peer.bytes([{ jsonrpc: "2.0", id: 2, method: "worker/poll", params: {} }]);
    const changeAll = lines.peer.bytes([{ jsonrpc: "2.0", id: 2, method: "changeAll" }]);
    const messages = CHANGED_PERSONS / BATCH + 1;
    for (const text of [
      await ours.peer.collect(change, messages),
      await lines.peer.collect(changeAll, messages),
    ]) {
      const records = text.split('"observedAt":').length - 1;
      if (records !== CHANGED_PERSONS)
        throw new Error(`${records} changes were received, not ${CHANGED_PERSONS}.`);
    }
    const count = rounds(ROUNDS);
    log(`${count} × ${CHANGED_PERSONS} changes`);
    const rate = (ms: number): number => CHANGED_PERSONS / (ms / 1_000);
    const changesResult = await interleaved(
      {
        worker: async () => rate(await ours.peer.exchange(change, messages)),
        lines: async () => rate(await lines.peer.exchange(changeAll, messages)),
      },
      count,
    );
    const ratio = pairedRatio(changesResult.worker, changesResult.lines);
    return {
      rows: [
        boundedRow(
          {
            measure: `changes notified, ${formatCount(CHANGED_PERSONS)} at once`,
            ours: formatMedian(changesResult.worker, "records/s"),
            against: `floor ${formatMedian(changesResult.lines, "records/s")}`,
            figure: `${ratio.toFixed(2)} × the floor's rate`,
          },
          `≥ ${formatCount(CHANGES_BOUND)} records/s or ≥ 0.5 ×`,
          median(changesResult.worker) >= CHANGES_BOUND || ratio >= 0.5,
        ),
      ],
      panels: [
        {
          title: `Changes notified, ${formatCount(CHANGED_PERSONS)} at once`,
          unit: "records per second, more is better",
          series: [
            { label: "worker", samples: changesResult.worker, ours: true },
            { label: "newline-JSON floor", samples: changesResult.lines },
          ],
        },
      ],
      notes: [],
    };
  } finally {
    await Promise.all([MessagePeer.stop(ours.child), MessagePeer.stop(lines.child)]);
  }
}
