import type { ReusableBuffer } from "../ports/http.js";
import type { ListedPerson, PersonSnapshot } from "../presence/polled-roster.js";
import { parseJsonObject, requiredItems } from "./json-response.js";
import { nextLink } from "./link-header.js";
import { decodeMe, decodePerson, type Me, parseListedPersons } from "./person-decoder.js";
import { PAGE_LIMITS, type RestClient, SMALL_LIMITS } from "./rest.js";

/** The first page of the list of people, or a page that Webex linked to. */
export type PageReference =
  | { readonly kind: "first"; readonly max: number }
  | { readonly kind: "next"; readonly url: string };

export interface PeoplePage {
  /**
   * All entries of the page, including bots and guests: their number reveals the page size. They
   * can be read until the next page is requested, which reuses their memory.
   */
  readonly items: readonly ListedPerson[];
  /** Webex's link to the next page, which has the origin of `ApiUrl`; null on the last page. */
  readonly next: string | null;
}

/**
 * The people of one organization. Each call is one request, or two if a rejected token is replaced.
 * Faults: `rateLimited` (429, 423; `retryAfterMs` if Webex sent it), `webexUnreachable`,
 * `webexError` (5xx, or a response that cannot be read), `unauthorized` (401 with a fresh token,
 * too), `forbidden` (403), `refused` (400 and other 4xx), `notFound` (404), `cancelled`, and those
 * of the token source.
 */
export interface PeopleApi {
  listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage>;
  findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]>;
  me(signal: AbortSignal): Promise<Me>;
}

export class WebexPeople implements PeopleApi {
  readonly #rest: RestClient;
  readonly #buffer: ReusableBuffer = { bytes: new Uint8Array(0) };

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  async listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage> {
    const { apiUrl } = this.#rest;
    const requestUrl = page.kind === "first" ? `${apiUrl}/people?max=${page.max}` : page.url;
    const limits = { ...PAGE_LIMITS, buffer: this.#buffer };
    const { response, url } = await this.#rest.get(requestUrl, limits, signal);
    return {
      items: parseListedPersons(response),
      next: nextLink(response.headers.link, url, apiUrl),
    };
  }

  async findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]> {
    const url = `${this.#rest.apiUrl}/people?email=${encodeURIComponent(email)}`;
    const { response } = await this.#rest.get(url, SMALL_LIMITS, signal);
    return requiredItems(parseJsonObject(response)).flatMap((item) => decodePerson(item) ?? []);
  }

  async me(signal: AbortSignal): Promise<Me> {
    const url = `${this.#rest.apiUrl}/people/me`;
    const { response } = await this.#rest.get(url, SMALL_LIMITS, signal);
    return decodeMe(parseJsonObject(response));
  }
}
