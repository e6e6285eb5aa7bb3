import { WorkerProcess } from "../worker-process.js";
import type { Answer, Contender, Light } from "./contender.js";
import type { OrganizationInfo, Service } from "./service.js";

/** The maximum of the setting, so that the worker has to find the limit itself. */
const MAX_REQUESTS_PER_MINUTE = 600;

/** The reasons with which a record does not claim to know the status. */
const UNKNOWN_REASONS: readonly (string | null)[] = [
  "disabled",
  "blocked",
  "notReady",
  "notFound",
  "stale",
];

interface PresenceRecord {
  readonly reason: string | null;
  readonly webexStatus: string | null;
  readonly observedAt: string | null;
}

/** How decisions ask: with `maxAgeSeconds: 0`, or without the parameter. */
export type Question = "maxAge" | "noMaxAge";

/** The built worker, with a subscription of the watched persons. */
export class WorkerContender implements Contender {
  readonly startedAt = Date.now();
  readonly #process: WorkerProcess;
  readonly #watched: readonly string[];
  readonly #question: Question;

  private constructor(process: WorkerProcess, watched: readonly string[], question: Question) {
    this.#process = process;
    this.#watched = watched;
    this.#question = question;
  }

  static async start(
    worker: string,
    service: Service,
    { grant, watched }: OrganizationInfo,
    question: Question,
  ): Promise<WorkerContender> {
    const { apiUrl, client } = service.info;
    const process = await WorkerProcess.launch(worker, [
      "WebexPresence.Enable=1",
      `WebexPresence.ApiUrl=${apiUrl}`,
      "WebexPresence.Authorize=off",
      `WebexPresence.RequestsPerMinute=${MAX_REQUESTS_PER_MINUTE}`,
    ]);
    await process.authorize({ client, grant });
    await process.request("presence/subscribe", { uris: watched });
    return new WorkerContender(process, watched, question);
  }

  async decide(uri: string): Promise<Answer> {
    const startedAt = performance.now();
    const shown = this.#process.request<PresenceRecord>("presence/get", { uri });
    // The worker answers in the order of arrival what it need not wait for, so this is the light
    // that the operator sees at the moment of the decision.
    const asked =
      this.#question === "maxAge"
        ? this.#process.request<PresenceRecord>("presence/get", { uri, maxAgeSeconds: 0 })
        : shown;
    const [before, answer] = await Promise.all([
      shown,
      asked.then((record) => ({
        after: lightOf(record),
        answerMs: performance.now() - startedAt,
        arrivedAt: Date.now(),
      })),
    ]);
    return { before: lightOf(before), ...answer };
  }

  async watchedLights(): Promise<readonly Light[]> {
    const { records } = await this.#process.request<{ records: readonly PresenceRecord[] }>(
      "presence/getMany",
      { uris: this.#watched },
    );
    return records.map(lightOf);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

function lightOf({ reason, webexStatus, observedAt }: PresenceRecord): Light {
  return {
    status: UNKNOWN_REASONS.includes(reason) ? undefined : webexStatus,
    observedAt: observedAt === null ? null : Date.parse(observedAt),
  };
}
