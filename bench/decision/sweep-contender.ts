import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { Answer, Contender, Light } from "./contender.js";
import type { OrganizationInfo, Service } from "./service.js";

export interface Observation {
  readonly status: string | null;
  /** Milliseconds since the epoch. */
  readonly observedAt: number;
}

export interface SweepQuestion {
  readonly id: number;
  readonly addresses: readonly string[];
}

export interface SweepAnswer {
  readonly id: number;
  /** In the order of the addresses; null for persons who were not in any page yet. */
  readonly observations: readonly (Observation | null)[];
}

/** A client that sweeps page after page, in a process of its own. */
export class SweepContender implements Contender {
  readonly startedAt = Date.now();
  readonly #child: ChildProcess;
  readonly #watched: readonly string[];
  readonly #pending = new Map<number, (answer: SweepAnswer | Error) => void>();
  #nextId = 1;

  constructor({ info }: Service, { grant, watched }: OrganizationInfo) {
    const program = fileURLToPath(new URL("../children/sweeping-client.js", import.meta.url));
    this.#child = fork(program, [info.apiUrl, grant.accessToken]);
    this.#watched = watched;
    this.#child.on("message", (answer: SweepAnswer) => this.#pending.get(answer.id)?.(answer));
    this.#child.once("exit", () => {
      for (const settle of this.#pending.values())
        settle(new Error("The sweeping client has exited."));
    });
  }

  /** The client asks nobody, so its answer takes no time. */
  async decide(address: string): Promise<Answer> {
    const [light] = await this.#ask([address]);
    if (light === undefined) throw new Error("The sweeping client did not answer.");
    return { before: light, after: light, answerMs: 0, arrivedAt: Date.now() };
  }

  watchedLights(): Promise<readonly Light[]> {
    return this.#ask(this.#watched);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.disconnect();
    await exit;
  }

  async #ask(addresses: readonly string[]): Promise<Light[]> {
    const question: SweepQuestion = { id: this.#nextId++, addresses };
    const answer = await new Promise<SweepAnswer | Error>((resolve) => {
      this.#pending.set(question.id, resolve);
      this.#child.send(question);
    });
    this.#pending.delete(question.id);
    if (answer instanceof Error) throw answer;
    return answer.observations.map((observation) => ({
      status: observation?.status,
      observedAt: observation?.observedAt ?? null,
    }));
  }
}
