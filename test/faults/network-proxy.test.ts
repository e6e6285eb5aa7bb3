import { describeFaults } from "../support/fault-harness.js";
import { TestProxy } from "../support/http-fixture.js";
import { missingProxy as missing, watchWorkerBehindProxy } from "../support/proxy-fixture.js";

describeFaults("The proxy", [
  {
    fault: "The proxy is dead",
    made: "tinyproxy, through which the worker reaches Webex, is killed",
    shown: "`webexUnreachable`: the proxy refused the connection",
    heals: "by itself, within one interval after the proxy is back",
    missing,
    run: async (trial) => {
      const { proxy } = await watchWorkerBehindProxy(trial);
      await proxy.stop();
      await trial.expectProblem("webexUnreachable", /The proxy \S+ refused the connection/i);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(async () => {
        const restarted = await TestProxy.start(undefined, proxy.port);
        trial.cleanUp(() => restarted.stop());
      });
      await trial.expectRecovery();
    },
  },
  {
    fault: "The proxy accepts connections and is silent",
    made: "tinyproxy is stopped (SIGSTOP)",
    shown: "`webexUnreachable` after 10 s: no response",
    heals: "by itself, within one interval after the proxy responds",
    missing,
    timeoutMs: 90_000,
    run: async (trial) => {
      const { front, proxy } = await watchWorkerBehindProxy(trial);
      proxy.signal("SIGSTOP");
      front.cut();
      await trial.expectProblem("webexUnreachable", /has not responded for more than 10 s/, 25_000);
      trial.beginWaiting();
      await trial.last(8_000);
      await trial.end(() => proxy.signal("SIGCONT"));
      await trial.expectRecovery();
    },
  },
  {
    fault: "The proxy demands a password",
    made: "tinyproxy is restarted with credentials that the worker does not have",
    shown: "`webexUnreachable`: the proxy requires credentials (407), and how to set them",
    heals: "by itself, within one interval after the proxy is as before",
    missing,
    run: async (trial) => {
      const { proxy } = await watchWorkerBehindProxy(trial);
      await proxy.stop();
      const strict = await TestProxy.start({ user: "svc", password: "secret1" }, proxy.port);
      trial.cleanUp(() => strict.stop());
      await trial.expectProblem("webexUnreachable", /407/);
      trial.beginWaiting();
      await trial.last(5_000);
      await strict.stop();
      await trial.end(async () => {
        const restarted = await TestProxy.start(undefined, proxy.port);
        trial.cleanUp(() => restarted.stop());
      });
      await trial.expectRecovery();
    },
  },
]);
