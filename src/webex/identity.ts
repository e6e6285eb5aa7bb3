import type { Secret } from "../faults/secret.js";
import { optionalText, requiredText } from "./json-answer.js";
import type { JsonObject } from "./json-answer.js";
import type { IdentityApi } from "./oauth-api.js";
import type { Me, RequestGate } from "./people-api.js";
import { decodeMe } from "./person-decoder.js";
import { RestClient, SMALL_LIMITS } from "./rest.js";
import type { RestParts } from "./rest.js";
import { unreadableAnswer } from "./rest-faults.js";

/** A token on trial belongs to no organization yet, so no budget counts it. */
const OPEN_GATE: RequestGate = { admit: () => Promise.resolve(), ended: () => undefined };

/** `IdentityApi`: asks with the token given, whatever the state of the organization. */
export class WebexIdentity implements IdentityApi {
  readonly #parts: RestParts;

  constructor(parts: RestParts) {
    this.#parts = parts;
  }

  async me(accessToken: Secret, signal: AbortSignal): Promise<Me> {
    const { body } = await this.#rest(accessToken).get(`${this.#parts.apiUrl}/people/me`, SMALL_LIMITS, signal);
    return decodeMe(body);
  }

  /** The organization's id stands in where Webex gives it no name. */
  async organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string> {
    const url = `${this.#parts.apiUrl}/organizations/${encodeURIComponent(orgId)}`;
    const { body } = await this.#rest(accessToken).get(url, SMALL_LIMITS, signal);
    return optionalText(body, "displayName") ?? orgId;
  }

  async organizations(accessToken: Secret, signal: AbortSignal): Promise<readonly { orgId: string; orgName: string }[]> {
    const { body } = await this.#rest(accessToken).get(`${this.#parts.apiUrl}/organizations`, SMALL_LIMITS, signal);
    if (!Array.isArray(body.items)) throw unreadableAnswer("has no list of items");
    return (body.items as JsonObject[]).map((item) => {
      const orgId = requiredText(item, "id");
      return { orgId, orgName: optionalText(item, "displayName") ?? orgId };
    });
  }

  #rest(accessToken: Secret): RestClient {
    return new RestClient(
      this.#parts,
      { token: () => Promise.resolve(accessToken), replace: () => Promise.resolve(null) },
      OPEN_GATE,
    );
  }
}
