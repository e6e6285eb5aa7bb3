import {
  accessDeniedPage,
  consentPage,
  messagePage,
  parseLogin,
  type Login,
} from "./consent-page.js";
import { htmlReply, redirectReply, type Exchange, type Reply } from "./exchange.js";
import type { SimulatedClient } from "./client-registry.js";
import type { SimulatorContext } from "./world.js";

/** An authorization code on its way to the token endpoint. */
export interface PendingCode {
  readonly login: Login;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly challenge: string | null;
  readonly expiresAt: number;
}

interface AuthorizeRequest {
  readonly client: SimulatedClient;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  readonly challenge: string | null;
}

/** The page /v1/authorize (RFC 6749 4.1.1, RFC 7636): what is wrong with the client or its address is told here, all else to the redirect URI. */
export class AuthorizeRoutes {
  readonly #context: SimulatorContext;
  readonly #codes = new Map<string, PendingCode>();

  constructor(context: SimulatorContext) {
    this.#context = context;
  }

  async handle(exchange: Exchange): Promise<Reply> {
    const isPost = exchange.method === "POST";
    const params = isPost ? await exchange.form() : exchange.url.searchParams;
    const request = this.#parseRequest(params);
    if ("reply" in request) return request.reply;
    if (!isPost) {
      const hiddenFields = Object.fromEntries(params);
      const { organizations } = this.#context;
      return htmlReply(
        200,
        consentPage({
          action: "/v1/authorize",
          scopes: request.scopes,
          hiddenFields,
          organizations,
          isDeviceFlow: false,
        }),
      );
    }
    return this.#applyDecision(request, params);
  }

  /** The code's grant, once: a code is gone when it has been shown. */
  redeemCode(code: string): PendingCode | null {
    const pending = this.#codes.get(code);
    this.#codes.delete(code);
    return pending && pending.expiresAt > this.#context.now() ? pending : null;
  }

  #applyDecision(request: AuthorizeRequest, params: URLSearchParams): Reply {
    const login = parseLogin(params.get("login"), this.#context.organizations);
    const decision = params.get("decision");
    if (decision === "decline") {
      return redirectToClient(params, {
        error: "access_denied",
        error_description: "The resource owner denied the request.",
      });
    }
    if (decision === "wrongScope") return redirectToClient(params, { error: "invalid_scope" });
    if (!login)
      return htmlReply(
        400,
        messagePage("Sign-in failed", "There is no such login.", "consent-error"),
      );
    if (decision === "blocked" || this.#context.knobs.integrationBlocked)
      return htmlReply(200, accessDeniedPage());
    const code = this.#context.tokens.createSecret(32);
    const expiresAt = this.#context.now() + this.#context.knobs.codeSeconds * 1000;
    const { redirectUri, scopes, challenge, client } = request;
    this.#codes.set(code, {
      login,
      clientId: client.clientId,
      redirectUri,
      scopes,
      challenge,
      expiresAt,
    });
    return redirectToClient(params, { code });
  }

  #parseRequest(params: URLSearchParams): AuthorizeRequest | { readonly reply: Reply } {
    const client = this.#context.clients.find(params.get("client_id"));
    const redirectUri = params.get("redirect_uri") ?? "";
    if (!client) return errorPage("The client_id is not known.");
    if (!client.redirectUris.has(redirectUri))
      return errorPage("The redirect_uri is not one of those registered for this integration.");
    if (params.get("response_type") !== "code")
      return { reply: redirectToClient(params, { error: "unsupported_response_type" }) };
    const scopes = (params.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
    if (scopes.length === 0 || scopes.some((scope) => !client.scopes.has(scope))) {
      return {
        reply: redirectToClient(params, {
          error: "invalid_scope",
          error_description: "The requested scope is invalid.",
        }),
      };
    }
    const challenge = params.get("code_challenge");
    if (challenge !== null && params.get("code_challenge_method") !== "S256") {
      return {
        reply: redirectToClient(params, {
          error: "invalid_request",
          error_description: "Only S256 is supported.",
        }),
      };
    }
    return { client, redirectUri, scopes, challenge };
  }
}

function errorPage(message: string): { readonly reply: Reply } {
  return {
    reply: htmlReply(
      400,
      messagePage("Something is wrong with the integration", message, "consent-error"),
    ),
  };
}

/** Sends the browser back to the integration, `state` included. */
function redirectToClient(
  params: URLSearchParams,
  result: Readonly<Record<string, string>>,
): Reply {
  const url = new URL(params.get("redirect_uri") ?? "");
  const state = params.get("state");
  for (const [name, value] of Object.entries(result)) url.searchParams.set(name, value);
  if (state !== null) url.searchParams.set("state", state);
  return redirectReply(url.href);
}
