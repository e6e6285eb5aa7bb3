import { missingForNames as missing, watchWorkerWithNames } from "../support/dns-fixture.js";
import { describeFaults } from "../support/fault-harness.js";

describeFaults("Names", [
  {
    fault: "The name of Webex does not exist in DNS",
    made: "dnsmasq denies the name (NXDOMAIN), and all connections are cut",
    shown: "`webexUnreachable`: the name could not be resolved (ENOTFOUND); records keep their age",
    heals: "by itself, within one interval after DNS has the name again",
    missing,
    run: async (trial) => {
      const { front, dns } = await watchWorkerWithNames(trial);
      await dns.stop();
      await dns.start(null);
      front.cut();
      await trial.expectProblem("webexUnreachable", /could not be resolved \(ENOTFOUND\)/);
      trial.beginWaiting();
      await trial.last(5_000);
      await dns.stop();
      await trial.end(() => dns.start());
      await trial.expectRecovery();
    },
  },
  {
    fault: "The DNS server is gone",
    made: "dnsmasq is killed, so that the system refuses queries, and all connections are cut",
    shown: "`webexUnreachable`: the name could not be resolved (EAI_AGAIN); records keep their age",
    heals: "by itself, within one interval after the server is back",
    missing,
    run: async (trial) => {
      const { front, dns } = await watchWorkerWithNames(trial);
      await dns.stop();
      front.cut();
      await trial.expectProblem("webexUnreachable", /could not be resolved \(EAI_AGAIN\)/);
      trial.beginWaiting();
      await trial.last(5_000);
      await trial.end(() => dns.start());
      await trial.expectRecovery();
    },
  },
  {
    fault: "The DNS server does not respond",
    made: "dnsmasq is stopped (SIGSTOP), and all connections are cut",
    shown:
      "`webexUnreachable` after 10 s: no response, or the name could not be resolved (EAI_AGAIN)",
    heals: "by itself, within one interval after the server responds",
    missing,
    timeoutMs: 90_000,
    run: async (trial) => {
      const { front, dns } = await watchWorkerWithNames(trial);
      dns.signal("SIGSTOP");
      front.cut();
      await trial.expectProblem("webexUnreachable", /could not be resolved|has not responded/);
      trial.beginWaiting();
      await trial.last(8_000);
      await trial.end(() => dns.signal("SIGCONT"));
      await trial.expectRecovery();
    },
  },
]);
