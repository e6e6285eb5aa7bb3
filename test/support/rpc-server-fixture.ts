import { Fault } from "../../src/faults/fault.js";
import type { Channel, ChannelEndReason } from "../../src/ports/channel.js";
import type { Params } from "../../src/rpc/params.js";
import { RpcServer } from "../../src/rpc/rpc-server.js";
import { FakeClock, SeededRandom } from "./clock-fake.js";
import { RecordingLogger } from "./logger-fake.js";
import { FakeAuthorization, FakePresence, FakeStatus } from "./rpc-services-fake.js";

/** Starts a server with fake services on a channel. */
export function launchOn<C extends Channel>(channel: C) {
  const presence = new FakePresence();
  const authorization = new FakeAuthorization();
  const status = new FakeStatus();
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const introductions: Params<"initialize">[] = [];
  const exits: number[] = [];
  const ends: ChannelEndReason[] = [];
  const polled: (string | null)[] = [];
  let shutdowns = 0;
  new RpcServer({
    channel,
    presence,
    authorization,
    status,
    poll: (orgId) => {
      polled.push(orgId);
      if (orgId === "nobody")
        throw new Fault("unknownOrganization", "No authorization names this organization.");
      return { accepted: true, nextPossibleAt: null };
    },
    version: "1.2.3",
    openRpc: async () => ({ openrpc: "1.3.2" }),
    clock,
    crypto: new SeededRandom(),
    logger,
    onInitialize: (params) => introductions.push(params),
    onShutdown: () => {
      shutdowns += 1;
    },
    onExit: (code) => exits.push(code),
    onEnd: (end) => ends.push(end),
  }).start();
  return {
    channel,
    presence,
    authorization,
    status,
    clock,
    logger,
    introductions,
    exits,
    ends,
    polled,
    get shutdowns() {
      return shutdowns;
    },
  };
}
