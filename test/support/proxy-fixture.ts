import { makeCertificates, type TestCertificates } from "./certificates-fixture.js";
import type { FaultTrial } from "./fault-harness.js";
import { TestProxy } from "./http-fixture.js";
import { TemporaryFolder, TlsFront, whyNoTool } from "./network-fixture.js";
import type { WorkerHarnessOptions } from "./worker-harness.js";

/** Why this machine cannot make these faults. */
export const missingProxy = whyNoTool("tinyproxy", "tinyproxy");
let certificates: TestCertificates | undefined;

/** A worker that reaches Webex through the tunnel of a real proxy. `user` ends with `@`. */
export async function watchWorkerBehindProxy(
  trial: FaultTrial,
  options: WorkerHarnessOptions = {},
  user = "",
): Promise<{ readonly front: TlsFront; readonly proxy: TestProxy }> {
  certificates ??= makeCertificates();
  const folder = new TemporaryFolder();
  const front = await TlsFront.start(certificates.good);
  const proxy = await TestProxy.start();
  trial.cleanUp(async () => {
    await Promise.all([front.close(), proxy.stop()]);
    folder.close();
  });
  const caFile = folder.write("root.pem", certificates.authority);
  const ini = [
    ...front.ini("localhost", caFile),
    `WebexPresence.Proxy=http://${user}127.0.0.1:${proxy.port}`,
  ];
  await trial.watch(await front.startPolling({ ...options, ini }));
  return { front, proxy };
}
