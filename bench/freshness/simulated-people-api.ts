import { Fault } from "../../src/faults/fault.js";
import type { RequestBudget } from "../../src/polling/request-budget.js";
import type { ListedPerson, PersonSnapshot } from "../../src/presence/polled-roster.js";
import type { Me, PageReference, PeopleApi, PeoplePage } from "../../src/webex/people.js";
import type { Reading, ServiceModel } from "./service-model.js";
import type { SimulatedClock } from "./simulated-clock.js";

const PLACEHOLDER_PERSON: ListedPerson = { fingerprint: Number.NaN, read: () => null };

/** Returns pages of placeholders; the service model tracks the watched persons. */
export class SimulatedPeopleApi implements PeopleApi {
  readonly #clock: SimulatedClock;
  readonly #service: ServiceModel;
  readonly #budget: RequestBudget;
  readonly #honorsOldLinks: boolean;
  readonly #pages = new Map<number, PeoplePage>();
  readonly #pageOf = new Map<readonly ListedPerson[], number>();
  #newestLink = "";
  #linkCount = 0;

  constructor(
    clock: SimulatedClock,
    service: ServiceModel,
    budget: RequestBudget,
    honorsOldLinks: boolean,
  ) {
    this.#clock = clock;
    this.#service = service;
    this.#budget = budget;
    this.#honorsOldLinks = honorsOldLinks;
  }

  pageOf(items: readonly ListedPerson[]): number {
    return this.#pageOf.get(items) ?? -1;
  }

  listPage(reference: PageReference, signal: AbortSignal): Promise<PeoplePage> {
    return this.#request(signal, this.#service.scenario.pageMs, (now) => {
      const page = reference.kind === "first" ? 0 : Number(reference.url.split("=")[1]);
      const isOldLink = reference.kind === "next" && reference.url !== this.#newestLink;
      if (isOldLink && !this.#honorsOldLinks) {
        throw new Fault("refused", "The cursor is no longer valid.", { status: 400 });
      }
      const reading = this.#service.readPage(page, now);
      const content = this.#page(page);
      if (content.next === null) return { reading, result: content };
      this.#linkCount += 1;
      this.#newestLink = `${this.#linkCount}page=${page + 1}`;
      return { reading, result: { ...content, next: this.#newestLink } };
    });
  }

  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]> {
    return this.#request(signal, this.#service.scenario.lookupMs, (now) => {
      const index = Number(email.split("@")[0]);
      return { reading: this.#service.readPerson(index, now), result: [snapshot(index)] };
    });
  }

  findById(): Promise<PersonSnapshot> {
    throw new Error("Not called, because nobody is missing.");
  }

  me(): Promise<Me> {
    throw new Error("Not called, because persons share their status.");
  }

  #page(page: number): PeoplePage {
    const existing = this.#pages.get(page);
    if (existing !== undefined) return existing;
    const { persons, pageSize } = this.#service.scenario.point;
    const remaining = persons - page * pageSize;
    const length = Math.min(pageSize, remaining);
    const items = new Array<ListedPerson>(length).fill(PLACEHOLDER_PERSON);
    const content = { items, next: remaining > pageSize ? "next" : null };
    this.#pages.set(page, content);
    this.#pageOf.set(items, page);
    return content;
  }

  async #request<T>(
    signal: AbortSignal,
    durationMs: number,
    respond: (now: number) => { readonly reading: Reading; readonly result: T },
  ): Promise<T> {
    const { rejectionMs } = this.#service.scenario;
    await this.#budget.acquire(signal);
    await this.#clock.delay(rejectionMs / 2);
    const retryAfterMs = this.#service.handleRequest(this.#clock.monotonic());
    if (retryAfterMs > 0) {
      await this.#clock.delay(rejectionMs / 2);
      this.#budget.complete("rateLimited");
      throw new Fault("rateLimited", "Too many requests.", { status: 429, retryAfterMs });
    }
    await this.#clock.delay((durationMs - rejectionMs) / 2);
    let reading: Reading | null = null;
    try {
      const response = respond(this.#clock.monotonic());
      reading = response.reading;
      return response.result;
    } finally {
      await this.#clock.delay(durationMs / 2);
      if (reading !== null) this.#service.show(reading, this.#clock.monotonic());
      this.#budget.complete("answered");
    }
  }
}

function snapshot(number: number): PersonSnapshot {
  const unknown = { displayName: null, userName: null, lastActivity: null };
  return { id: String(number), ...unknown, emails: [], sipAddresses: [], status: "active" };
}
