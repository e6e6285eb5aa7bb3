// A worker process with the real channel and RPC server, and with fake services.
import { randomUUID } from "node:crypto";

import { JsonRpcChannel } from "../../src/platform/json-rpc/channel.js";
import { claimStdio } from "../../src/platform/stdio.js";
import { systemClock } from "../../src/platform/system-clock.js";
import { RpcServer } from "../../src/rpc/rpc-server.js";
import { SeededRandom } from "./clock-fake.js";
import {
  FakeAuthorization,
  FakePresence,
  FakeStatus,
  presenceRecord,
} from "./rpc-services-fake.js";
import { RecordingLogger } from "./logger-fake.js";

const EXIT_CODE = { inputEnded: 0, outputBroken: 0, protocolError: 65 } as const;
const { input, output } = claimStdio();
console.log("stray output of console"); // eslint-disable-line no-console
process.stdout.write("stray output of process.stdout\n");

const channel = new JsonRpcChannel(input, output);
const presence = new FakePresence();
const exitWith = (code: number): void => void channel.flush(1_000).then(() => process.exit(code));
let interval: NodeJS.Timeout | undefined;
const server = new RpcServer({
  channel,
  presence,
  authorization: new FakeAuthorization(),
  status: new FakeStatus(),
  // A poll starts endless changes of 10,000 persons, for the test of congestion.
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
