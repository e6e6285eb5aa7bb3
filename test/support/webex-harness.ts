import { Secret } from "../../src/faults/secret.js";
import type { RequestLimiter, TokenSource } from "../../src/webex/people-api.js";
import { WebexPeople } from "../../src/webex/people.js";
import { RestClient } from "../../src/webex/rest.js";
import { FakeClock } from "./clock-fake.js";
import type { ScriptedHttp } from "./http-fake.js";

export const API = "https://webexapis.com/v1";
export const CLOCK = new FakeClock();
export const never = new AbortController().signal;

/** Lets everything through and writes down what it saw. */
export class RecordingGate implements RequestLimiter {
  readonly events: string[] = [];

  async acquire(): Promise<void> {
    this.events.push("admit");
  }

  complete(outcome: "answered" | "rateLimited" | "failed"): void {
    this.events.push(outcome);
  }
}

/** Tokens `token-1`, `token-2`, …: each replacement is the next. */
export class CountingTokens implements TokenSource {
  count = 1;

  async getToken(): Promise<Secret> {
    return new Secret(`token-${this.count}`);
  }

  async replace(rejected: Secret): Promise<Secret> {
    if (rejected.reveal() === `token-${this.count}`) this.count += 1;
    return this.getToken();
  }
}

export function peopleOver(
  http: ScriptedHttp,
  limiter: RequestLimiter = new RecordingGate(),
): WebexPeople {
  return new WebexPeople(
    new RestClient(
      { apiUrl: API, version: "1.2.3", http, clock: CLOCK },
      new CountingTokens(),
      limiter,
    ),
  );
}
