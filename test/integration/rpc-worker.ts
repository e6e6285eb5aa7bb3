// A worker of channel and protocol alone, its services faked: what the tests beside it launch.
import { randomUUID } from "node:crypto";

import { JsonRpcChannel } from "../../src/platform/json-rpc/channel.js";
import { claimStdio } from "../../src/platform/stdio.js";
import { systemClock } from "../../src/platform/system-clock.js";
import { RpcServer } from "../../src/rpc/rpc-server.js";
import { SeededRandom } from "../support/clock-fake.js";
import {
  FakeAuthorization,
  FakePresence,
  FakeStatus,
  presenceRecord,
} from "../support/fake-rpc-services.js";
import { RecordingLogger } from "../support/logger-fake.js";

const EXIT_CODE = { inputEnded: 0, outputBroken: 0, notTheProtocol: 65 } as const;
const { input, output } = claimStdio();
console.log("a stray line by console"); // eslint-disable-line no-console
process.stdout.write("a stray line by process.stdout\n");

const channel = new JsonRpcChannel(input, output);
const presence = new FakePresence();
const exitWith = (code: number): void => void channel.flush(1_000).then(() => process.exit(code));
let interval: NodeJS.Timeout | undefined;
const server = new RpcServer({
  channel,
  presence,
  authorization: new FakeAuthorization(),
  status: new FakeStatus(),
  // A poll makes ten thousand persons change state without end: a storm for the test of congestion.
  poll: () => {
    let round = 0;
    interval ??= setInterval(() => {
      round += 1;
      const records = Array.from({ length: 10_000 }, (_, i) =>
        presenceRecord(`p${i}@x.example`, round % 2 === 0 ? "active" : "inactive"),
      );
      presence.change(...records);
      process.stderr.write(
        `round ${round} rss ${Math.round(process.memoryUsage().rss / 1_048_576)}\n`,
      );
    }, 100);
    return { accepted: true, nextPossibleAt: null };
  },
  version: "1.0.0",
  openRpc: async () => ({ openrpc: "1.3.2" }),
  clock: systemClock,
  crypto: Object.assign(new SeededRandom(), { uuid: randomUUID }),
  logger: new RecordingLogger(),
  onInitialize: () => undefined,
  onShutdown: () => clearInterval(interval),
  onExit: exitWith,
  onEnd: (end) => exitWith(EXIT_CODE[end]),
});
server.start();
