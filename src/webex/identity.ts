import type { Secret } from "../faults/secret.js";
import { jsonAnswer, optionalText, requiredText } from "./json-answer.js";
import type { JsonObject } from "./json-answer.js";
import type { IdentityApi } from "./oauth-api.js";
import type { Me, RequestGate } from "./people-api.js";
import { decodeMe, itemsOf } from "./person-decoder.js";
import { RestClient, SMALL_LIMITS } from "./rest.js";
import type { RestParts } from "./rest.js";

/** A token on trial belongs to no organization yet, so no budget holds it up. */
const OPEN_GATE: RequestGate = { admit: () => Promise.resolve(), ended: () => undefined };

/** `IdentityApi`: asks with the token given, whatever the state of the organization. */
export class WebexIdentity implements IdentityApi {
  readonly #parts: RestParts;
  readonly #onAsked: (orgId: string) => void;

  /** `onAsked` hears of each request with an organization's bearer, once it is known whose it was. */
  constructor(parts: RestParts, onAsked: (orgId: string) => void) {
    this.#parts = parts;
    this.#onAsked = onAsked;
  }

  async me(accessToken: Secret, signal: AbortSignal): Promise<Me> {
    const me = decodeMe(await this.#ask(accessToken, "people/me", signal));
    this.#onAsked(me.orgId);
    return me;
  }

  /** The organization's id stands in where Webex gives it no name. */
  async organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string> {
    this.#onAsked(orgId);
    const body = await this.#ask(accessToken, `organizations/${encodeURIComponent(orgId)}`, signal);
    return optionalText(body, "displayName") ?? orgId;
  }

  async organizations(accessToken: Secret, signal: AbortSignal): Promise<readonly { orgId: string; orgName: string }[]> {
    const items = itemsOf(await this.#ask(accessToken, "organizations", signal)) as readonly JsonObject[];
    const organizations = items.map((item) => {
      const orgId = requiredText(item, "id");
      return { orgId, orgName: optionalText(item, "displayName") ?? orgId };
    });
    if (organizations.length === 1) for (const { orgId } of organizations) this.#onAsked(orgId);
    return organizations;
  }

  async #ask(accessToken: Secret, path: string, signal: AbortSignal): Promise<JsonObject> {
    const bearers = { token: () => Promise.resolve(accessToken), replace: () => Promise.resolve(null) };
    const rest = new RestClient(this.#parts, bearers, OPEN_GATE);
    return jsonAnswer((await rest.get(`${this.#parts.apiUrl}/${path}`, SMALL_LIMITS, signal)).response);
  }
}
