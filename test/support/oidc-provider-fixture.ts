import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import Provider from "oidc-provider";
import sinon from "sinon";

import { REQUIRED_SCOPES } from "../../src/authorization/grant.js";
import type { OAuthEndpoints } from "../../src/webex/oauth.js";

interface Discovery {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly device_authorization_endpoint: string;
  readonly revocation_endpoint: string;
}

/**
 * An authorization server other than Webex: oidc-provider with a confidential client, mandatory
 * PKCE, the device flow and rotating refresh tokens. The same origin serves the two Webex resources
 * that identify the owner of a token.
 */
export class OidcProviderFixture {
  readonly clientId = "presence-worker";
  readonly clientSecret = randomBytes(24).toString("base64url");
  readonly orgId = Buffer.from(
    "ciscospark://us/ORGANIZATION/11111111-aaaa-4aaa-8aaa-111111111111",
  ).toString("base64url");
  /** The method, path and status of each request. */
  readonly requests: string[] = [];
  #server!: Server;
  #provider!: Provider;

  async start(redirectUri: string): Promise<void> {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#provider = quietly(() => this.#createProvider(redirectUri));
  }

  #createProvider(redirectUri: string): Provider {
    return new Provider(this.origin, {
      clients: [
        {
          client_id: this.clientId,
          client_secret: this.clientSecret,
          redirect_uris: [redirectUri],
          response_types: ["code"],
          grant_types: [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
          ],
          token_endpoint_auth_method: "client_secret_basic",
          application_type: "native",
        },
      ],
      scopes: [...REQUIRED_SCOPES],
      pkce: { required: () => true },
      features: {
        deviceFlow: { enabled: true },
        revocation: { enabled: true },
        devInteractions: { enabled: true },
      },
      rotateRefreshToken: true,
      issueRefreshToken: () => true,
      findAccount: (_context: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id }),
      }),
      cookies: { keys: [randomBytes(16).toString("hex")] },
      ttl: {
        AccessToken: 3_600,
        RefreshToken: 30 * 86_400,
        DeviceCode: 300,
        Session: 600,
        Interaction: 600,
        Grant: 86_400,
      },
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get apiUrl(): string {
    return `${this.origin}/v1`;
  }

  /**
   * From the discovery document (RFC 8414). Device codes are polled at the token endpoint (RFC
   * 8628).
   */
  async endpoints(): Promise<OAuthEndpoints> {
    const document = (await (
      await fetch(`${this.origin}/.well-known/openid-configuration`)
    ).json()) as Discovery;
    return {
      authorize: document.authorization_endpoint,
      token: document.token_endpoint,
      deviceAuthorize: document.device_authorization_endpoint,
      deviceToken: document.token_endpoint,
      revoke: document.revocation_endpoint,
    };
  }

  /** Whether the provider would accept a refresh token. */
  async isAlive(refreshToken: string): Promise<boolean> {
    const token = await this.#provider.RefreshToken.find(refreshToken);
    return token !== undefined && !token.isExpired && token.consumed === undefined;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?")[0] ?? "";
    response.once("finish", () =>
      this.requests.push(`${request.method ?? ""} ${path} ${response.statusCode}`),
    );
    if (path.startsWith("/v1/")) {
      await this.#identity(path, request, response);
      return;
    }
    if (path === "/device/auth") {
      // RFC 8628, 3.1, requires client authentication here. Webex and thus the worker do not use
      // it.
      request.headers.authorization = `Basic ${Buffer.from(`${this.clientId}:${this.clientSecret}`).toString("base64")}`;
    }
    this.#provider.callback()(request, response);
  }

  async #identity(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const token = await this.#provider.AccessToken.find(bearer);
    const bodies: Record<string, object> = {
      "/v1/people/me": {
        id: "person",
        orgId: this.orgId,
        displayName: "Ada Admin",
        emails: ["ada@acme.example"],
        roles: [],
      },
      [`/v1/organizations/${this.orgId}`]: { id: this.orgId, displayName: "Acme" },
    };
    const body = token === undefined || token.isExpired ? null : (bodies[path] ?? null);
    response.writeHead(body === null ? 401 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? { message: "No." }));
  }
}

/** Suppresses the warnings that the provider prints about its defaults. */
function quietly<T>(create: () => T): T {
  const warn = sinon.stub(console, "warn");
  try {
    return create();
  } finally {
    warn.restore();
  }
}
