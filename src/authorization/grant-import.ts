import { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { TokenAnswer } from "../webex/oauth-api.js";
import type { ImportedGrant } from "./authorization-service.js";
import type { Counterpart } from "./counterpart.js";
import type { Authorization } from "./grant.js";
import { asGrantFault } from "./grant-proof.js";

interface ImportParts {
  /** Proves what Webex gave, and keeps it. Faults: `grantRefused`, `webexUnreachable`, `cancelled`, the keychain's. */
  readonly keep: (
    counterpart: Counterpart,
    answer: TokenAnswer,
    refreshToken: Secret,
    signal: AbortSignal,
  ) => Promise<Authorization>;
}

/** Grants obtained elsewhere: proved with their access token, or after a refresh where there is none or Webex does not take it. */
export class GrantImports {
  readonly #parts: ImportParts;
  readonly #underWay = new Map<AbortController, Counterpart>();

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  async take(counterpart: Counterpart, given: ImportedGrant, signal: AbortSignal): Promise<Authorization> {
    const ending = new AbortController();
    this.#underWay.set(ending, counterpart);
    try {
      return await this.#take(counterpart, given, AbortSignal.any([signal, ending.signal]));
    } catch (error) {
      throw ending.signal.aborted && !signal.aborted ? askedElsewhere() : error;
    } finally {
      this.#underWay.delete(ending);
    }
  }

  /** Ends those begun at another origin than this one. */
  keepTo(apiOrigin: string): void {
    for (const [ending, counterpart] of this.#underWay) if (counterpart.apiOrigin !== apiOrigin) ending.abort();
  }

  async #take(counterpart: Counterpart, given: ImportedGrant, signal: AbortSignal): Promise<Authorization> {
    const { keep } = this.#parts;
    const scopes = given.scope === null ? null : splitScopes(given.scope);
    const { accessToken } = given;
    if (accessToken !== null && (given.expiresIn === null || given.expiresIn > 0)) {
      const answer: TokenAnswer = {
        accessToken,
        expiresInSeconds: given.expiresIn,
        refreshToken: given.refreshToken,
        refreshTokenExpiresInSeconds: given.refreshTokenExpiresIn,
        scopes,
      };
      try {
        return await keep(counterpart, answer, given.refreshToken, signal);
      } catch (error) {
        const rejected = error instanceof Fault && error.code === "grantRefused" && error.status === 401;
        if (!rejected) throw error;
      }
    }
    const refreshed = await counterpart.oauth.refresh(counterpart.client, given.refreshToken, signal).catch((error: unknown) => {
      throw asGrantFault(error);
    });
    const answer: TokenAnswer = {
      ...refreshed,
      scopes: refreshed.scopes ?? scopes,
      refreshTokenExpiresInSeconds: refreshed.refreshTokenExpiresInSeconds ?? given.refreshTokenExpiresIn,
    };
    return keep(counterpart, answer, given.refreshToken, signal);
  }
}

/** Not `cancelled`: the caller has called nothing off, and can do something about it. */
function askedElsewhere(): Fault {
  return new Fault(
    "webexUnreachable",
    "WebexPresence.ApiUrl was changed while the grant was being imported, so it was not kept. Import it again at the address that it was given for; if it was renewed meanwhile, a new grant has to be obtained first.",
  );
}

function splitScopes(scope: string): readonly string[] {
  return scope.split(/\s+/).filter((s) => s !== "");
}
