import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { informing, judged, type Bench, type BenchContext, type Findings } from "./bench.js";
import { FrameCounter, LineCounter } from "./frame-counter.js";
import { MessagePeer } from "./message-peer.js";
import { interleaved, median, pairedRatio, readable, whole } from "./samples.js";
import { SimulatedService } from "./simulated-service.js";
import { WorkerProcess } from "./worker-process.js";

const ROUNDS = 11;
const PERSONS = 1_000;
const ONE_BY_ONE = 2_000;
const PIPELINED = 10_000;
const MANY = 100;
const MANY_CALLS = 200;
const CHANGING = 20_000;
const BATCH = 500;
const ONE_BY_ONE_BOUND = 1.15;
const PIPELINED_BOUND = 1.2;
const CHANGES_BOUND = 1_200_000;
const ECHO = join("bench", "peers", "echo-jsonrpc.mjs");
const FLOOR = join("bench", "peers", "echo-lines.mjs");

export const rpc: Bench = {
  name: "rpc",
  title: "Answers and changes over JSON-RPC",
  about:
    `The built worker, polling ${PERSONS} simulated persons, answers \`presence/get\` one at a time, ${PIPELINED} pipelined, and \`presence/getMany\` of ` +
    `${MANY}. Held against a bare vscode-jsonrpc worker that echoes a record of the same size, and a floor that speaks newline-JSON without a library. Changes: the worker's ` +
    `channel, protocol and presence rooms tell a subscriber of everybody that ${CHANGING} records changed, against a floor that makes and writes as many, of the same people.`,
  async run(context) {
    const asked = await answers(context);
    const told = await changes(context);
    return { rows: [...asked.rows, ...told.rows], panels: [...asked.panels, ...told.panels], notes: [] };
  },
};

async function answers({ worker, rounds, say }: BenchContext): Promise<Findings> {
  const service = await SimulatedService.start(PERSONS, 0);
  const ours = await WorkerProcess.launch(
    worker,
    service.settings("WebexPresence.Enable=1", "WebexPresence.PollIntervalSeconds=3600"),
  );
  const echo = MessagePeer.spawn([ECHO], FrameCounter);
  const lines = MessagePeer.spawn([FLOOR], LineCounter);
  try {
    await ours.authorize(service);
    await ours.until("a sweep", ({ organizations }) => organizations[0]?.lastSweep?.persons === PERSONS, 30_000);
    const { input, output } = ours.takeOver();
    const peers = { worker: new MessagePeer(input, output, FrameCounter), echo: echo.peer, lines: lines.peer };
    const count = rounds(ROUNDS);
    const measured = async (run: (peer: MessagePeer) => Promise<number>) =>
      interleaved({ worker: () => run(peers.worker), echo: () => run(peers.echo), lines: () => run(peers.lines) }, count);
    const uri = (index: number): string => `sip:${service.addresses[index % service.addresses.length] ?? ""}`;
    const get = (id: number) => ({ jsonrpc: "2.0", id, method: "presence/get", params: { uri: uri(id) } });
    const first = await peers.worker.collect(peers.worker.bytes([get(1)]), 1);
    if (!first.includes('"personId":"')) throw new Error(`The worker does not know whom it is asked for: ${first}`);

    say(`${count} × ${ONE_BY_ONE} presence/get one at a time`);
    const singles = await measured(async (peer) => {
      const requests = Array.from({ length: ONE_BY_ONE }, (_, id) => peer.bytes([get(id + 1)]));
      const began = performance.now();
      for (const request of requests) await peer.exchange(request, 1);
      return ((performance.now() - began) * 1_000) / ONE_BY_ONE;
    });
    say(`${count} × ${PIPELINED} presence/get pipelined`);
    const pipelined = await measured(async (peer) => {
      const bytes = peer.bytes(Array.from({ length: PIPELINED }, (_, id) => get(id + 1)));
      return PIPELINED / ((await peer.exchange(bytes, PIPELINED)) / 1_000);
    });
    say(`${count} × ${MANY_CALLS} presence/getMany of ${MANY}`);
    const many = await measured(async (peer) => {
      const requests = Array.from({ length: MANY_CALLS }, (_, id) => {
        const uris = Array.from({ length: MANY }, (_, index) => uri(id * MANY + index));
        return peer.bytes([{ jsonrpc: "2.0", id: id + 1, method: "presence/getMany", params: { uris } }]);
      });
      const began = performance.now();
      for (const request of requests) await peer.exchange(request, 1);
      return ((performance.now() - began) * 1_000) / MANY_CALLS;
    });
    const oneRatio = pairedRatio(singles.worker, singles.echo);
    const pipelinedRatio = pairedRatio(pipelined.worker, pipelined.echo);
    return {
      rows: [
        judged(
          {
            measure: "presence/get one at a time",
            ours: `${readable(median(singles.worker))} µs`,
            against: `echo ${readable(median(singles.echo))} µs, floor ${readable(median(singles.lines))} µs`,
            figure: `${oneRatio.toFixed(2)} × the echo's time`,
          },
          `≤ ${ONE_BY_ONE_BOUND} ×`,
          oneRatio <= ONE_BY_ONE_BOUND,
        ),
        judged(
          {
            measure: `presence/get, ${whole(PIPELINED)} pipelined`,
            ours: `${readable(median(pipelined.worker))}/s`,
            against: `echo ${readable(median(pipelined.echo))}/s, floor ${readable(median(pipelined.lines))}/s`,
            figure: `${pipelinedRatio.toFixed(2)} × the echo's rate`,
          },
          `≥ ${PIPELINED_BOUND} ×`,
          pipelinedRatio >= PIPELINED_BOUND,
        ),
        informing({
          measure: `presence/getMany of ${MANY}`,
          ours: `${readable(median(many.worker))} µs`,
          against: `echo ${readable(median(many.echo))} µs, floor ${readable(median(many.lines))} µs`,
          figure: `${pairedRatio(many.worker, many.echo).toFixed(2)} × the echo's time`,
        }),
      ],
      panels: [
        panel("presence/get one at a time", "µs, less is better", singles),
        panel(`presence/get, ${whole(PIPELINED)} pipelined`, "a second, more is better", pipelined),
        panel(`presence/getMany of ${MANY}`, "µs, less is better", many),
      ],
      notes: [],
    };
  } finally {
    await Promise.all([ours.stop(), MessagePeer.end(echo.child), MessagePeer.end(lines.child)]);
    await service.stop();
  }
}

function panel(
  title: string,
  unit: string,
  samples: Record<"worker" | "echo" | "lines", readonly number[]>,
): Findings["panels"][number] {
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

async function changes({ rounds, say }: BenchContext): Promise<Findings> {
  const child = fileURLToPath(new URL("children/changing-worker.js", import.meta.url));
  const ours = MessagePeer.spawn([child, String(CHANGING)], FrameCounter);
  const lines = MessagePeer.spawn([FLOOR], LineCounter);
  try {
    const subscribe = ours.peer.bytes([{ jsonrpc: "2.0", id: 1, method: "presence/subscribe", params: { all: true } }]);
    const answer = await ours.peer.collect(subscribe, 1);
    // Both tell of the same people: texts of one's own for each are part of the work.
    const { result } = JSON.parse(answer.slice(answer.indexOf("{"))) as { result: { records: object[] } };
    const know = { jsonrpc: "2.0", id: 1, method: "know", params: { records: result.records } };
    await lines.peer.exchange(lines.peer.bytes([know]), 1);
    const change = ours.peer.bytes([{ jsonrpc: "2.0", id: 2, method: "worker/poll", params: {} }]);
    const storm = lines.peer.bytes([{ jsonrpc: "2.0", id: 2, method: "storm" }]);
    const messages = CHANGING / BATCH + 1;
    for (const text of [await ours.peer.collect(change, messages), await lines.peer.collect(storm, messages)]) {
      const records = text.split('"observedAt":').length - 1;
      if (records !== CHANGING) throw new Error(`${records} changes were told, not ${CHANGING}.`);
    }
    const count = rounds(ROUNDS);
    say(`${count} × ${CHANGING} changes`);
    const rate = (ms: number): number => CHANGING / (ms / 1_000);
    const told = await interleaved(
      {
        worker: async () => rate(await ours.peer.exchange(change, messages)),
        lines: async () => rate(await lines.peer.exchange(storm, messages)),
      },
      count,
    );
    const ratio = pairedRatio(told.worker, told.lines);
    return {
      rows: [
        judged(
          {
            measure: `changes told, ${whole(CHANGING)} at once`,
            ours: `${readable(median(told.worker))} records/s`,
            against: `floor ${readable(median(told.lines))} records/s`,
            figure: `${ratio.toFixed(2)} × the floor's rate`,
          },
          `≥ ${whole(CHANGES_BOUND)} records/s or ≥ 0.5 ×`,
          median(told.worker) >= CHANGES_BOUND || ratio >= 0.5,
        ),
      ],
      panels: [
        {
          title: `Changes told, ${whole(CHANGING)} at once`,
          unit: "records a second, more is better",
          series: [
            { label: "worker", samples: told.worker, ours: true },
            { label: "newline-JSON floor", samples: told.lines },
          ],
        },
      ],
      notes: [],
    };
  } finally {
    await Promise.all([MessagePeer.end(ours.child), MessagePeer.end(lines.child)]);
  }
}
