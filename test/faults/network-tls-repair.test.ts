import { makeCertificates } from "../support/certificates-fixture.js";
import { describeFaults } from "../support/fault-harness.js";
import { untilServerIsRight, watchSecureWorker } from "../support/tls-fixture.js";

describeFaults("TLS that has to be put right", [
  untilServerIsRight(
    {
      fault: "Something between speaks TLS 1.0 only",
      made: "the server accepts no version above TLS 1.0",
      shown: "`webexUnreachable`: no version of TLS in common",
    },
    (all) => ({
      ...all.good,
      minVersion: "TLSv1",
      maxVersion: "TLSv1",
      ciphers: "DEFAULT@SECLEVEL=0",
    }),
    /have no version of TLS in common/,
  ),
  {
    fault: "A firewall begins to inspect TLS",
    made: "the server presents a certificate of an authority that the worker does not trust",
    shown: "`webexUnreachable` with the name of the authority to put into `CaFile`",
    heals: "by the authority's certificate in `CaFile`, within one interval",
    run: async (trial) => {
      const { front, folder, certificates: all } = await watchSecureWorker(trial);
      const other = makeCertificates();
      await front.use(other.good);
      await trial.expectProblem("webexUnreachable", /localhost/);
      trial.beginWaiting();
      await trial.last(4_500);
      await trial.end(() => folder.write("root.pem", `${all.authority}${other.authority}`));
      await trial.expectRecovery();
    },
  },
]);
