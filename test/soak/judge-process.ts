// The judge of a soak: a process that sees what the host has and what was true, and nothing else.
import type { RecordBatch, SoakPerson, TruthChange } from "./messages.js";
import { serveCalls } from "./process-peer.js";
import { TruthJudge, type LightSummary } from "./truth-judge.js";

let judge: TruthJudge | null = null;
const summaries: LightSummary[] = [];

serveCalls({
  start: (options: { people: readonly SoakPerson[]; staleAfterMs: number }) => {
    judge = new TruthJudge(options.people, options.staleAfterMs);
    judge.onSummary = (summary) => summaries.push(summary);
  },
  learn: ({ changes, upTo }: { changes: readonly TruthChange[]; upTo: number }) =>
    judge?.learn(changes, upTo),
  receive: (batch: RecordBatch) => judge?.receive(batch),
  unsubscribe: (uris: readonly string[]) => judge?.unsubscribe(uris),
  clear: () => judge?.clear(),
  excuse: ({ from, to }: { from: number; to: number }) => judge?.excuse(from, to),
  allow: ({ reason, at }: { reason: string; at: number }) => judge?.allow(reason, at),
  disallow: ({ reason, at }: { reason: string; at: number }) => judge?.disallow(reason, at),
  /** The judgment so far, with the summaries since the last call. */
  read: () => ({
    counts: judge?.counts ?? {},
    falseCounts: judge?.falseCounts ?? {},
    falsehoods: judge?.falsehoods ?? [],
    summaries: summaries.splice(0).map(({ ages, ...rest }) => ({
      ...rest,
      medianAge: ages[Math.floor(ages.length / 2)] ?? null,
      p95Age: ages[Math.floor(ages.length * 0.95)] ?? null,
    })),
  }),
});
