import { expect } from "chai";
import type { TlsOptions } from "node:tls";

import { makeCertificates, type TestCertificates } from "./certificates-fixture.js";
import type { Fault, FaultTrial } from "./fault-harness.js";
import { TemporaryFolder, TlsFront } from "./network-fixture.js";
import type { WorkerHarnessOptions } from "./worker-harness.js";

let certificates: TestCertificates | undefined;

/** The server that a worker takes for Webex. */
interface SecureWebex {
  readonly front: TlsFront;
  readonly certificates: TestCertificates;
  readonly folder: TemporaryFolder;
}

/** A worker that reaches Webex by TLS, and trusts the certificate by its CaFile. */
export async function watchSecureWorker(
  trial: FaultTrial,
  options: WorkerHarnessOptions = {},
): Promise<SecureWebex> {
  certificates ??= makeCertificates();
  const folder = new TemporaryFolder();
  const front = await TlsFront.start(certificates.good);
  trial.cleanUp(async () => {
    await front.close();
    folder.close();
  });
  const ini = front.ini("localhost", folder.write("root.pem", certificates.authority));
  await trial.watch(await front.startPolling({ ...options, ini }));
  return { front, certificates, folder };
}

/** A row in which the server presents something else for a while. */
export function untilServerIsRight(
  row: Pick<Fault, "fault" | "made" | "shown">,
  presented: (all: TestCertificates) => TlsOptions,
  message: RegExp,
  options: WorkerHarnessOptions & { readonly log?: string } = {},
): Fault {
  return {
    ...row,
    heals: "by itself, within one interval after the server is right again",
    run: async (trial) => {
      const { log = "", ...more } = options;
      const { front, certificates: all } = await watchSecureWorker(trial, more);
      await front.use(presented(all));
      const mark = trial.harness.webex.mark();
      await trial.expectProblem("webexUnreachable", message);
      expect(await trial.log()).to.include(log);
      trial.beginWaiting();
      await trial.last(4_500);
      expect(trial.harness.webex.requestsSince(mark), "requests to such a server").to.deep.equal(
        [],
      );
      await trial.end(() => front.use(all.good));
      await trial.expectRecovery();
    },
  };
}
