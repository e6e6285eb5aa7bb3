import { Emitter } from "../faults/emitter.js";
import type { Fault } from "../faults/fault.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";

export interface GrantRefusal {
  readonly fault: Fault;
  /** `Clock.monotonic()` of the last time Webex refused. */
  readonly refusedAt: number;
}

interface Entry extends GrantRefusal {
  readonly grant: Grant;
  readonly client: OAuthClient;
}

export interface RefusalEvents {
  /** The organization whose standing changed. */
  readonly refusalChanged: string;
}

/**
 * Which grants Webex has refused to renew. The tokens stay in the keychain: a refusal holds for one refresh token with one client,
 * so that a new authorization, another process's refresh or another client secret end it by themselves.
 */
export class GrantRefusals {
  readonly events = new Emitter<RefusalEvents>();
  readonly #entries = new Map<string, Entry>();

  record(grant: Grant, client: OAuthClient, fault: Fault, refusedAt: number): void {
    const isKnown = this.find(grant, client) !== null;
    this.#entries.set(grant.orgId, { grant, client, fault, refusedAt });
    if (!isKnown) this.events.emit("refusalChanged", grant.orgId);
  }

  clear(orgId: string): void {
    if (this.#entries.delete(orgId)) this.events.emit("refusalChanged", orgId);
  }

  /** The refusal that holds for this grant with this client, or null. */
  find(grant: Grant, client: OAuthClient | null): GrantRefusal | null {
    const entry = this.#entries.get(grant.orgId);
    if (entry?.grant.refreshToken.equals(grant.refreshToken) !== true) return null;
    if (
      client !== null &&
      !(
        client.clientId === entry.client.clientId &&
        client.clientSecret.equals(entry.client.clientSecret)
      )
    )
      return null;
    return entry;
  }
}
