import type { ReusableBuffer } from "../ports/http.js";
import type { PersonSnapshot } from "../presence/person.js";
import { parseJsonObject } from "./json-response.js";
import { nextLink } from "./link-header.js";
import { parseListedPersons } from "./listed-persons.js";
import type { Me, PageReference, PeopleApi, PeoplePage } from "./people-api.js";
import { decodeMe, decodePerson, requiredItems } from "./person-decoder.js";
import { PAGE_LIMITS, SMALL_LIMITS } from "./rest.js";
import type { RestClient } from "./rest.js";

/** `PeopleApi` over the REST service of one organization. */
export class WebexPeople implements PeopleApi {
  readonly #rest: RestClient;
  readonly #buffer: ReusableBuffer = { bytes: new Uint8Array(0) };

  constructor(rest: RestClient) {
    this.#rest = rest;
  }

  async listPage(page: PageReference, signal: AbortSignal): Promise<PeoplePage> {
    const requestUrl =
      page.kind === "first" ? `${this.#rest.apiUrl}/people?max=${page.max}` : page.url;
    const { response, url } = await this.#rest.get(
      requestUrl,
      { ...PAGE_LIMITS, buffer: this.#buffer },
      signal,
    );
    return {
      items: parseListedPersons(response),
      next: nextLink(response.headers.link, url, this.#rest.apiUrl),
    };
  }

  async findByEmail(email: string, signal: AbortSignal): Promise<readonly PersonSnapshot[]> {
    const url = `${this.#rest.apiUrl}/people?email=${encodeURIComponent(email)}`;
    const { response } = await this.#rest.get(url, SMALL_LIMITS, signal);
    return requiredItems(parseJsonObject(response)).flatMap((item) => decodePerson(item) ?? []);
  }

  async me(signal: AbortSignal): Promise<Me> {
    const { response } = await this.#rest.get(
      `${this.#rest.apiUrl}/people/me`,
      SMALL_LIMITS,
      signal,
    );
    return decodeMe(parseJsonObject(response));
  }
}
