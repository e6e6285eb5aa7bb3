import { describeFaults } from "../support/fault-harness.js";
import { missingForRoutes as missing, watchWorkerInNetwork } from "../support/route-fixture.js";
import { watchSecureWorker } from "../support/tls-fixture.js";

describeFaults("Routes", [
  {
    fault: "Connections to Webex are refused",
    made: "the server closes its port",
    shown: "`webexUnreachable`: the connection was refused; records keep their age",
    heals: "by itself, within one interval after the port is open again",
    run: async (trial) => {
      const { front } = await watchSecureWorker(trial);
      await front.close();
      await trial.expectProblem("webexUnreachable", /refused the connection/);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(() => front.listen());
      await trial.expectRecovery();
    },
  },
  {
    fault: "The machine has no route to Webex",
    made: "the only interface of the worker's network namespace is switched off",
    shown: "`webexUnreachable`: no route, or no response; records keep their age",
    heals: "by itself, within one interval after the interface is on again",
    missing,
    timeoutMs: 90_000,
    run: async (trial) => {
      const network = await watchWorkerInNetwork(trial);
      network.setInterface("down");
      await trial.expectProblem("webexUnreachable", /no route to|has not responded/, 25_000);
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => network.setInterface("up"));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The network between loses all packets",
    made: "the other end of the worker's only cable (veth) is switched off",
    shown: "`webexUnreachable` after 10 s: no response; records keep their age",
    heals: "by itself, within one interval after packets pass again",
    missing,
    timeoutMs: 90_000,
    run: async (trial) => {
      const network = await watchWorkerInNetwork(trial);
      network.setCable("down");
      await trial.expectProblem("webexUnreachable", /has not responded|no route to/, 25_000);
      trial.beginWaiting();
      await trial.last(6_000);
      await trial.end(() => network.setCable("up"));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The machine gets another address",
    made: "the worker's only interface loses its address and has another one",
    shown: "`webexUnreachable` at most; records keep their age",
    heals: "by itself, within one interval",
    missing,
    timeoutMs: 90_000,
    run: async (trial) => {
      const network = await watchWorkerInNetwork(trial);
      await trial.end(() => network.changeAddress());
      await trial.expectRecovery();
    },
  },
]);
