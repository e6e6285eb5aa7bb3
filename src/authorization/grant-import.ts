import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { TokenResponse } from "../webex/oauth.js";
import type { ImportedGrant } from "./authorization-service.js";
import type { OAuthContext } from "./oauth-context.js";
import type { Authorization } from "./grant.js";
import { toGrantFault } from "./grant-proof.js";

interface GrantImporterOptions {
  /** Proves what Webex gave, and keeps it. Faults: `grantRefused`, `webexUnreachable`, `cancelled`, the keychain's. */
  readonly verifyAndStore: (
    oauthContext: OAuthContext,
    answer: TokenResponse,
    refreshToken: Secret,
    signal: AbortSignal,
  ) => Promise<Authorization>;
}

/** Grants obtained elsewhere: proved with their access token, or after a refresh where there is none or Webex does not take it. */
export class GrantImporter {
  readonly #options: GrantImporterOptions;
  readonly #inProgress = new Map<AbortController, OAuthContext>();

  constructor(options: GrantImporterOptions) {
    this.#options = options;
  }

  async import(
    oauthContext: OAuthContext,
    grant: ImportedGrant,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const cancellation = new AbortController();
    this.#inProgress.set(cancellation, oauthContext);
    try {
      return await this.#import(
        oauthContext,
        grant,
        AbortSignal.any([signal, cancellation.signal]),
      );
    } catch (error) {
      throw cancellation.signal.aborted && !signal.aborted ? importInterrupted() : error;
    } finally {
      this.#inProgress.delete(cancellation);
    }
  }

  /** Ends those begun at another origin than this one. */
  cancelOtherOrigins(apiOrigin: string): void {
    for (const [cancellation, oauthContext] of this.#inProgress)
      if (oauthContext.apiOrigin !== apiOrigin) cancellation.abort();
  }

  async #import(
    oauthContext: OAuthContext,
    grant: ImportedGrant,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const { verifyAndStore } = this.#options;
    const scopes = grant.scope === null ? null : parseScopes(grant.scope);
    const { accessToken } = grant;
    if (accessToken !== null && (grant.expiresIn === null || grant.expiresIn > 0)) {
      const answer: TokenResponse = {
        accessToken,
        expiresInSeconds: grant.expiresIn,
        refreshToken: grant.refreshToken,
        refreshTokenExpiresInSeconds: grant.refreshTokenExpiresIn,
        scopes,
      };
      try {
        return await verifyAndStore(oauthContext, answer, grant.refreshToken, signal);
      } catch (error) {
        const isRejected =
          error instanceof Fault && error.code === "grantRefused" && error.status === 401;
        if (!isRejected) throw error;
      }
    }
    const refreshed = await oauthContext.oauth
      .refresh(oauthContext.client, grant.refreshToken, signal)
      .catch((error: unknown) => {
        throw toGrantFault(error);
      });
    const answer: TokenResponse = {
      ...refreshed,
      scopes: refreshed.scopes ?? scopes,
      refreshTokenExpiresInSeconds:
        refreshed.refreshTokenExpiresInSeconds ?? grant.refreshTokenExpiresIn,
    };
    return verifyAndStore(oauthContext, answer, grant.refreshToken, signal);
  }
}

/** Not `cancelled`: the caller has called nothing off, and can do something about it. */
function importInterrupted(): Fault {
  return new Fault(
    "webexUnreachable",
    "WebexPresence.ApiUrl was changed while the grant was being imported, so it was not kept. Import it again at the address that it was given for; if it was renewed meanwhile, a new grant has to be obtained first.",
  );
}

function parseScopes(scope: string): readonly string[] {
  return scope.split(/\s+/).filter((s) => s !== "");
}
