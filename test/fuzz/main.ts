// npm run fuzz: sends mutated streams to the built worker, and ends with the line "N passed, N
// failed". Every stream follows from the seed; a failing one is made small, saved, and can be sent
// again with --replay.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import fc from "fast-check";

import { Conversation, isFollowable, LATE_MS } from "./judge.js";
import { streams, type Stream } from "./streams.js";
import { ChannelTarget, WorkerTarget, type Target } from "./targets.js";

const USAGE = "Usage: npm run fuzz -- [--streams 10000 | --minutes N] [--seed S] | --replay FILE";
const FOLDER = join(".tmp", "fuzz");
const BATCH = 250;
/** Streams at a time. */
const LANES = 2;
/** A worker gets so many streams, so that what it keeps of them stays little. */
const STREAMS_PER_WORKER = 500;
const MAX_FAILURES = 5;
/** Making a failing stream small ends after this time. */
const SHRINK_MS = 60_000;
const PROGRESS_MS = 2_000;

const NOTHING: Stream = { chunks: [], isClosed: false, dice: 0 };

const counts = { process: 0, newProcess: 0, channel: 0 };
const late: Stream[] = [];
let isConfirming = false;

/** One target after the other: a worker lives for as many streams as it can. */
class Lane {
  #spare = new WorkerTarget();
  #worker: { conversation: Conversation; left: number } | null = null;
  #channel: Conversation | null = null;

  /** Resolves to how long the answer took. Rejects with an `Offence`. */
  async judge(stream: Stream): Promise<number> {
    const isShared = isFollowable(stream);
    const isReal = isShared || stream.dice === 0 || isConfirming;
    // It also gets what no shared worker does: messages from its first moment on.
    const isAlone = isReal && !isShared && !isConfirming;
    const conversation = this.#conversation(isAlone, isReal);
    counts[isReal ? (isShared ? "process" : "newProcess") : "channel"] += 1;
    let isReusable = false;
    try {
      const judgement = await conversation.judge(stream);
      ({ isReusable } = judgement);
      if (judgement.ms > LATE_MS && !isConfirming) late.push(stream);
      return judgement.ms;
    } finally {
      if (!isReusable) {
        conversation.target.dispose();
        if (this.#worker?.conversation === conversation) this.#worker = null;
        if (this.#channel === conversation) this.#channel = null;
      }
    }
  }

  dispose(): void {
    this.#spare.dispose();
    this.#worker?.conversation.target.dispose();
    this.#channel?.target.dispose();
  }

  #conversation(isAlone: boolean, isReal: boolean): Conversation {
    if (isAlone) return new Conversation(new WorkerTarget());
    return isReal ? this.#nextWorker() : (this.#channel ??= newChannel());
  }

  #nextWorker(): Conversation {
    if (this.#worker?.left === 0) {
      this.#worker.conversation.target.dispose();
      this.#worker = null;
    }
    if (this.#worker === null) {
      this.#worker = { conversation: new Conversation(this.#spare), left: STREAMS_PER_WORKER };
      this.#spare = new WorkerTarget();
    }
    this.#worker.left -= 1;
    return this.#worker.conversation;
  }
}

function newChannel(): Conversation {
  return new Conversation(new ChannelTarget());
}

interface Failure {
  readonly message: string;
  readonly stream: Stream;
}

async function runBatch(
  lane: Lane,
  seed: number,
): Promise<{ passed: number; failure: Failure | null }> {
  let failedAt = Number.POSITIVE_INFINITY;
  const property = fc.asyncProperty(streams, async (stream) => {
    // fast-check would end in the middle of a stream, and the next one would be sent into it.
    if (performance.now() - failedAt > SHRINK_MS) return;
    try {
      await lane.judge(stream);
    } catch (error) {
      failedAt = Math.min(failedAt, performance.now());
      throw error;
    }
  });
  const details = await fc.check(property, { seed, numRuns: BATCH });
  if (!details.failed || details.counterexample === null)
    return { passed: details.numRuns, failure: null };
  const [stream] = details.counterexample;
  const { errorInstance } = details;
  const message = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return { passed: details.numRuns - 1, failure: { message, stream } };
}

function save({ message, stream }: Failure, seed: number): string {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${seed}.json`);
  const chunks = stream.chunks.map((chunk) => chunk.toString("latin1"));
  writeFileSync(path, `${JSON.stringify({ seed, message, ...stream, chunks }, null, 2)}\n`);
  return path;
}

async function run(seed: number, isDone: (passed: number) => boolean): Promise<boolean> {
  print(`seed ${seed}`);
  const startedAt = performance.now();
  const failures: string[] = [];
  let passed = 0;
  let batches = 0;
  const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(0);
  const progress = setInterval(() => {
    print(`${passed} passed, ${failures.length} failed after ${seconds()} s`);
  }, PROGRESS_MS);
  const work = async (): Promise<void> => {
    const lane = new Lane();
    while (!isDone(batches * BATCH) && failures.length < MAX_FAILURES) {
      const batchSeed = seed + batches;
      batches += 1;
      const result = await runBatch(lane, batchSeed);
      passed += result.passed;
      if (result.failure === null) continue;
      const path = save(result.failure, batchSeed);
      failures.push(path);
      print(`FAILED (seed ${batchSeed}): ${result.failure.message}`);
      print(`  again: npm run fuzz -- --replay ${path}`);
    }
    lane.dispose();
  };
  await Promise.all(Array.from({ length: LANES }, work));
  clearInterval(progress);
  const lateFailures = await confirmLate(seed);
  const failed = failures.length + lateFailures;
  const peak = Math.round(WorkerTarget.peakBytes / 2 ** 20);
  print(
    `${counts.process} streams went to a worker with others, ${counts.newProcess} to a worker of their own, and ${counts.channel} to the channel alone. A worker had ${peak} MiB at most.`,
  );
  print(`It took ${seconds()} s.`);
  print(`${passed - lateFailures} passed, ${failed} failed`);
  return failed === 0;
}

/**
 * A busy machine delays answers, and so does a worker that is only starting. What is late without
 * that, compared with a stream that asks for nothing, is late by itself.
 */
async function confirmLate(seed: number): Promise<number> {
  isConfirming = true;
  let failed = 0;
  for (const [index, stream] of late.splice(0).entries()) {
    const lane = new Lane();
    try {
      await lane.judge(NOTHING);
      const usualMs = await lane.judge(NOTHING);
      const ms = await lane.judge(stream);
      if (ms > LATE_MS + 20 * usualMs) throw new Error(`It took ${Math.round(ms)} ms.`);
    } catch (error) {
      failed += 1;
      const message = `Late, again: ${String(error)}`;
      print(`FAILED: ${message} (${save({ message, stream }, seed + index + 0.5)})`);
    }
    lane.dispose();
  }
  return failed;
}

/** Throws an Error for a file that this program has not saved. */
function readStream(path: string): { chunks: readonly string[]; isClosed: boolean } {
  const saved = JSON.parse(readFileSync(path, "utf8")) as ReturnType<typeof readStream>;
  if (!Array.isArray(saved.chunks)) throw new Error(`${path} contains no saved stream.`);
  return saved;
}

async function replay(saved: ReturnType<typeof readStream>): Promise<boolean> {
  const chunks = saved.chunks.map((chunk) => Buffer.from(chunk, "latin1"));
  const targets: Target[] = [new WorkerTarget(), new ChannelTarget()];
  let failed = 0;
  for (const target of targets) {
    try {
      const { ms } = await new Conversation(target).judge({ ...saved, chunks, dice: 0 });
      print(`${target.kind}: passed in ${Math.round(ms)} ms`);
    } catch (error) {
      failed += 1;
      print(`${target.kind}: ${error instanceof Error ? error.message : String(error)}`);
    }
    target.dispose();
  }
  print(`${targets.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A whole number from `min`. Throws an Error that names the option. */
function readCount(name: string, text: string, min: number): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < min)
    throw new Error(`--${name} ${text} is not a whole number from ${min}.`);
  return count;
}

function readOptions() {
  const option = { type: "string" } as const;
  const { values } = parseArgs({
    options: { streams: option, minutes: option, seed: option, replay: option },
  });
  const { streams: count = "10000", minutes, seed, replay: path } = values;
  return {
    saved: path === undefined ? null : readStream(path),
    seed: seed === undefined ? Date.now() % 2 ** 31 : readCount("seed", seed, 0),
    minutes: minutes === undefined ? null : readCount("minutes", minutes, 1),
    count: readCount("streams", count, 1),
  };
}

async function main(): Promise<number> {
  let options;
  try {
    options = readOptions();
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    return 2;
  }
  const { saved, seed, minutes, count } = options;
  if (saved !== null) return (await replay(saved)) ? 0 : 1;
  const endsAt = performance.now() + (minutes ?? 0) * 60_000;
  const isDone = (started: number): boolean =>
    minutes === null ? started >= count : performance.now() >= endsAt;
  return (await run(seed, isDone)) ? 0 : 1;
}

process.exitCode = await main();
