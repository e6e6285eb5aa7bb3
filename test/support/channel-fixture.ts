import { JsonRpcChannel } from "../../src/platform/json-rpc/channel.js";
import type { ChannelEndReason, RequestCall } from "../../src/ports/channel.js";
import { ByteHost } from "./byte-host-fake.js";
import { settle } from "./clock-fake.js";

type Answer = (method: string, params: unknown, call: RequestCall) => unknown;

/** A channel whose host sends and reads bytes. */
export function launchChannel(
  answer: Answer = (method, params) => ({ method, params: params ?? null }),
  highWaterMark?: number,
) {
  const host = new ByteHost(highWaterMark);
  const channel = new JsonRpcChannel(host.input, host.output);
  const ends: ChannelEndReason[] = [];
  const notes: { method: string; params: unknown }[] = [];
  channel.listen(
    { request: answer, notification: (method, params) => notes.push({ method, params }) },
    (end) => ends.push(end),
  );
  return { host, channel, ends, notes };
}

/** Returns at the deadline at the latest: the test asserts the condition itself. */
export async function waitUntil(condition: () => boolean, deadlineMs = 5_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition() && performance.now() < deadline) await settle();
}
