import type { Secret } from "../faults/secret.js";
import {
  optionalString,
  parseJsonObject,
  requiredItems,
  requiredString,
  type JsonObject,
} from "./json-response.js";
import { decodeMe, type Me } from "./person-decoder.js";
import { RestClient, SMALL_LIMITS, type RequestLimiter, type RestOptions } from "./rest.js";

interface OrganizationName {
  readonly orgId: string;
  readonly orgName: string;
}

/** Identifies the owner of a token that is not yet stored. Faults as `PeopleApi`. */
export interface IdentityApi {
  me(accessToken: Secret, signal: AbortSignal): Promise<Me>;
  /** Returns the id if the organization has no name. */
  organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string>;
  /** Returns the organizations that the token can see: several for a partner's administrator. */
  organizations(accessToken: Secret, signal: AbortSignal): Promise<readonly OrganizationName[]>;
}

/** The token does not belong to a known organization yet, so there is no budget to limit it. */
const UNLIMITED: RequestLimiter = { acquire: () => Promise.resolve(), complete: () => undefined };

export class WebexIdentity implements IdentityApi {
  readonly #options: RestOptions;
  readonly #onRequest: (orgId: string) => void;

  /** `onRequest` is called once for each request, as soon as its organization is known. */
  constructor(options: RestOptions, onRequest: (orgId: string) => void) {
    this.#options = options;
    this.#onRequest = onRequest;
  }

  async me(accessToken: Secret, signal: AbortSignal): Promise<Me> {
    const me = decodeMe(await this.#get(accessToken, "people/me", signal));
    this.#onRequest(me.orgId);
    return me;
  }

  async organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string> {
    this.#onRequest(orgId);
    const path = `organizations/${encodeURIComponent(orgId)}`;
    return optionalString(await this.#get(accessToken, path, signal), "displayName") ?? orgId;
  }

  async organizations(
    accessToken: Secret,
    signal: AbortSignal,
  ): Promise<readonly OrganizationName[]> {
    const items = requiredItems(await this.#get(accessToken, "organizations", signal));
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
    const { response } = await rest.get(`${this.#options.apiUrl}/${path}`, SMALL_LIMITS, signal);
    return parseJsonObject(response);
  }
}
