import { randomBytes, timingSafeEqual } from "node:crypto";
import { ADMIN_SCOPES, type TokenStore } from "./token-store.js";

/** An integration as registered at developer.webex.com. */
export interface SimulatedClient {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Compared as they are, port included. */
  readonly redirectUris: Set<string>;
  readonly scopes: ReadonlySet<string>;
}

export const DEFAULT_REDIRECT_URI = "http://localhost:8467/oauth/callback";

export class ClientRegistry {
  readonly #clients = new Map<string, SimulatedClient>();
  readonly #tokens: TokenStore;

  constructor(tokens: TokenStore) {
    this.#tokens = tokens;
  }

  /** Registers an integration, or changes the redirect URIs of one that is there. */
  register(
    options: {
      clientId?: string;
      clientSecret?: string;
      redirectUris?: readonly string[];
      scopes?: readonly string[];
    } = {},
  ): SimulatedClient {
    const existing =
      options.clientId === undefined ? undefined : this.#clients.get(options.clientId);
    const client: SimulatedClient = {
      clientId: options.clientId ?? `C${randomBytes(32).toString("hex")}`,
      clientSecret: options.clientSecret ?? existing?.clientSecret ?? this.#tokens.createSecret(32),
      redirectUris: new Set(
        options.redirectUris ?? existing?.redirectUris ?? [DEFAULT_REDIRECT_URI],
      ),
      scopes: new Set(options.scopes ?? existing?.scopes ?? ADMIN_SCOPES),
    };
    this.#tokens.issuedSecrets.add(client.clientSecret);
    this.#clients.set(client.clientId, client);
    return client;
  }

  find(clientId: string | null): SimulatedClient | null {
    return clientId === null ? null : (this.#clients.get(clientId) ?? null);
  }

  /** The client whose id and secret these are. */
  authenticate(clientId: string | null, clientSecret: string | null): SimulatedClient | null {
    const client = this.find(clientId);
    if (!client || clientSecret === null) return null;
    const actual = Buffer.from(clientSecret);
    const expected = Buffer.from(client.clientSecret);
    return actual.length === expected.length && timingSafeEqual(actual, expected) ? client : null;
  }
}
