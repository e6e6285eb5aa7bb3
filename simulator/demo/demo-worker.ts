import type { ReferenceHost } from "../reference-host.js";
import { RpcError } from "../json-rpc-client.js";
import type { IssuedGrant } from "../webex-simulator.js";
import { countStates, type PresenceRecord } from "./presence-diary.js";

/** What the demo reads of a `worker/status`. */
export interface DemoStatus {
  readonly phase: string;
  readonly settings: { readonly loadedAt: string | null };
  readonly problems: readonly {
    readonly severity: string;
    readonly message: string;
    readonly hint: string;
  }[];
  readonly organizations: readonly {
    readonly persons: number;
    readonly lastSweep: {
      readonly seconds: number;
      readonly persons: number;
      readonly requests: number;
    } | null;
    readonly sweepProgress: { readonly persons: number } | null;
    readonly requests: {
      readonly perMinuteLimit: number;
      readonly lastMinute: number;
      readonly total: number;
    };
  }[];
}

const LIST_PAGE = 5000;

/** The worker's methods as the demo calls them. Each throws an Error that names the method when the worker refuses. */
export class DemoWorker {
  readonly #host: ReferenceHost;

  constructor(host: ReferenceHost) {
    this.#host = host;
  }

  async initialize(): Promise<{ readonly name: string; readonly version: string }> {
    const { worker } = (await this.#call("initialize", {
      protocolVersion: "1.0",
      host: { name: "Demo host", version: "2026.Winter.1", licensed: true },
      attendantConsole: { version: "2026.Winter.1" },
    })) as { worker: { name: string; version: string } };
    return worker;
  }

  async setClient(client: {
    readonly clientId: string;
    readonly clientSecret: string;
  }): Promise<void> {
    await this.#call("authorization/setClient", client);
  }

  async importGrant(
    grant: IssuedGrant,
  ): Promise<{ readonly orgName: string; readonly authorizedBy: string }> {
    const { refreshToken, accessToken, expiresIn, refreshTokenExpiresIn, scope } = grant;
    const authorization = await this.#call("authorization/import", {
      refreshToken,
      accessToken,
      expiresIn,
      refreshTokenExpiresIn,
      scope,
    });
    return authorization as { orgName: string; authorizedBy: string };
  }

  async subscribe(uris: readonly string[]): Promise<readonly PresenceRecord[]> {
    return ((await this.#call("presence/subscribe", { uris })) as { records: PresenceRecord[] })
      .records;
  }

  async getMany(uris: readonly string[]): Promise<readonly PresenceRecord[]> {
    return ((await this.#call("presence/getMany", { uris })) as { records: PresenceRecord[] })
      .records;
  }

  async status(): Promise<DemoStatus> {
    return (await this.#call("worker/status")) as DemoStatus;
  }

  /** How many persons are in which state, over everyone known. */
  async totals(): Promise<ReturnType<typeof countStates>> {
    const known: PresenceRecord[] = [];
    for (let cursor: string | null = null; ;) {
      const params = cursor === null ? { limit: LIST_PAGE } : { limit: LIST_PAGE, cursor };
      const page = (await this.#call("presence/list", params)) as {
        records: PresenceRecord[];
        nextCursor: string | null;
      };
      known.push(...page.records);
      cursor = page.nextCursor;
      if (cursor === null) return countStates(known);
    }
  }

  async #call(method: string, params?: object): Promise<unknown> {
    try {
      return await this.#host.request(method, params);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      throw new Error(`The worker refused ${method}: ${error.message} (${error.code}).`, {
        cause: error,
      });
    }
  }
}
