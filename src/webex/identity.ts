import type { Secret } from "../faults/secret.js";
import { parseJsonObject, optionalString, requiredString } from "./json-response.js";
import type { JsonObject } from "./json-response.js";
import type { IdentityApi } from "./oauth-api.js";
import type { Me, RequestLimiter } from "./people-api.js";
import { decodeMe, requiredItems } from "./person-decoder.js";
import { RestClient, SMALL_LIMITS } from "./rest.js";
import type { RestOptions } from "./rest.js";

/** A token on trial belongs to no organization yet, so no budget holds it up. */
const UNLIMITED: RequestLimiter = { acquire: () => Promise.resolve(), complete: () => undefined };

/** `IdentityApi`: asks with the token given, whatever the state of the organization. */
export class WebexIdentity implements IdentityApi {
  readonly #options: RestOptions;
  readonly #onRequest: (orgId: string) => void;

  /** `onAsked` hears of each request with an organization's bearer, once it is known whose it was. */
  constructor(options: RestOptions, onRequest: (orgId: string) => void) {
    this.#options = options;
    this.#onRequest = onRequest;
  }

  async me(accessToken: Secret, signal: AbortSignal): Promise<Me> {
    const me = decodeMe(await this.#get(accessToken, "people/me", signal));
    this.#onRequest(me.orgId);
    return me;
  }

  /** The organization's id stands in where Webex gives it no name. */
  async organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string> {
    this.#onRequest(orgId);
    const body = await this.#get(accessToken, `organizations/${encodeURIComponent(orgId)}`, signal);
    return optionalString(body, "displayName") ?? orgId;
  }

  async organizations(
    accessToken: Secret,
    signal: AbortSignal,
  ): Promise<readonly { orgId: string; orgName: string }[]> {
    const items = requiredItems(
      await this.#get(accessToken, "organizations", signal),
    ) as readonly JsonObject[];
    const organizations = items.map((item) => {
      const orgId = requiredString(item, "id");
      return { orgId, orgName: optionalString(item, "displayName") ?? orgId };
    });
    if (organizations.length === 1) for (const { orgId } of organizations) this.#onRequest(orgId);
    return organizations;
  }

  async #get(accessToken: Secret, path: string, signal: AbortSignal): Promise<JsonObject> {
    const tokens = {
      getToken: () => Promise.resolve(accessToken),
      replace: () => Promise.resolve(null),
    };
    const rest = new RestClient(this.#options, tokens, UNLIMITED);
    return parseJsonObject(
      (await rest.get(`${this.#options.apiUrl}/${path}`, SMALL_LIMITS, signal)).response,
    );
  }
}
