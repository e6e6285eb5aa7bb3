import { Secret } from "../../src/faults/secret.js";
import {
  RestClient,
  type RequestLimiter,
  type RestOptions,
  type TokenSource,
} from "../../src/webex/rest.js";
import { createPeopleApi, type PeopleApi } from "../../src/webex/people.js";
import { FakeClock } from "./clock-fake.js";
import { ScriptedHttp, type ScriptedReply } from "./http-fake.js";

export const ORG_ID = "ORG";
export const API = "https://webexapis.com/v1";
export const CLOCK = new FakeClock();
export const never = new AbortController().signal;

/** Admits every request and records the calls. */
export class LimiterFake implements RequestLimiter {
  readonly events: string[] = [];
  /** The admissions that were completed, in order; they count from 1. */
  readonly completed: unknown[] = [];
  #admissions = 0;

  async acquire(): Promise<unknown> {
    this.events.push("admit");
    return (this.#admissions += 1);
  }

  complete(outcome: "answered" | "rateLimited" | "failed", admission?: unknown): void {
    this.events.push(outcome);
    this.completed.push(admission);
  }
}

/** Issues `token-1`, and the next number for each replacement. */
export class TokenSourceFake implements TokenSource {
  count = 1;

  async getToken(): Promise<Secret> {
    return new Secret(`token-${this.count}`);
  }

  async replace(rejected: Secret): Promise<Secret> {
    if (rejected.reveal() === `token-${this.count}`) this.count += 1;
    return this.getToken();
  }
}

export type Replies = ScriptedHttp | readonly ScriptedReply[];

export function restOptions(replies: Replies): RestOptions {
  const http = replies instanceof ScriptedHttp ? replies : new ScriptedHttp(replies);
  return { apiUrl: API, version: "1.2.3", http, clock: CLOCK };
}

export function peopleOver(
  replies: Replies,
  limiter: RequestLimiter = new LimiterFake(),
  tokens: TokenSource = new TokenSourceFake(),
): PeopleApi {
  const rest = new RestClient(restOptions(replies), tokens, limiter);
  return createPeopleApi(rest, ORG_ID);
}
