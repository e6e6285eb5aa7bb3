import { redact } from "../faults/redaction.js";
import type { Secret } from "../faults/secret.js";
import { requestExisting } from "./api-address.js";
import { optionalString, requiredItems, requiredString } from "./json-response.js";
import { decodeMe, MAX_VALUE_LENGTH, type Me } from "./people.js";
import { type RequestLimiter, RestClient, type RestOptions } from "./rest.js";

/** Identifies the owner of a token that is not yet stored. Faults as `PeopleApi`. */
export interface IdentityApi {
  me(accessToken: Secret, signal: AbortSignal): Promise<Me>;
  /** Returns the id if the organization has no name. */
  organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string>;
  /** Returns the organizations that the token can see: several for a partner's administrator. */
  organizations(
    accessToken: Secret,
    signal: AbortSignal,
  ): Promise<readonly { readonly orgId: string; readonly orgName: string }[]>;
}

/** The token does not belong to a known organization yet, so there is no budget to limit it. */
const UNLIMITED: RequestLimiter = { acquire: () => Promise.resolve(), complete: () => undefined };

/** `onRequest` is called once for each request, as soon as its organization is known. */
export function createIdentityApi(
  options: RestOptions,
  onRequest: (orgId: string) => void,
): IdentityApi {
  const get = (accessToken: Secret, path: string, signal: AbortSignal) => {
    const getToken = () => Promise.resolve(accessToken);
    const tokens = { getToken, replace: () => Promise.resolve(null) };
    return new RestClient(options, tokens, UNLIMITED).getObject(path, signal);
  };
  return {
    async me(accessToken, signal) {
      const request = get(accessToken, "people/me", signal).then(({ body, secrets }) =>
        decodeMe(body, secrets),
      );
      const me = await requestExisting(options.apiUrl, request);
      onRequest(me.orgId);
      return me;
    },
    async organizationName(accessToken, orgId, signal) {
      onRequest(orgId);
      const path = `organizations/${encodeURIComponent(orgId)}`;
      const { body, secrets } = await get(accessToken, path, signal);
      return nameOf(body, secrets) ?? orgId;
    },
    async organizations(accessToken, signal) {
      const request = get(accessToken, "organizations", signal).then(({ body, secrets }) => ({
        items: requiredItems(body),
        secrets,
      }));
      const { items, secrets } = await requestExisting(options.apiUrl, request);
      const organizations = items.map((item) => {
        const orgId = requiredString(item, "id");
        return { orgId, orgName: nameOf(item, secrets) ?? orgId };
      });
      if (organizations.length === 1) for (const { orgId } of organizations) onRequest(orgId);
      return organizations;
    },
  };
}

/** The name is stored, shown and logged. An id stays whole: a token may contain a part of it. */
function nameOf(organization: unknown, secrets: readonly Secret[]): string | null {
  const name = optionalString(organization, "displayName")?.slice(0, MAX_VALUE_LENGTH);
  return name === undefined ? null : redact(name, secrets);
}
