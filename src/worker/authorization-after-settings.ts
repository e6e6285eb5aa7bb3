import type {
  AuthorizationService,
  ImportedGrant,
} from "../authorization/authorization-service.js";
import type { FlowMethod, FlowView } from "../authorization/flow.js";
import type { Authorization } from "../authorization/grant.js";
import type { Secret } from "../faults/secret.js";

/**
 * Authorization for a host that is faster than the settings: what may reach Webex waits until they are read, because before that it
 * would go to the default `ApiUrl`, past the proxy.
 */
export class AuthorizationAfterSettings implements AuthorizationService {
  readonly #service: AuthorizationService;
  readonly #settingsRead: Promise<void>;

  constructor(service: AuthorizationService, settingsRead: Promise<void>) {
    this.#service = service;
    this.#settingsRead = settingsRead;
  }

  setClient(clientId: string, clientSecret: Secret): Promise<void> {
    return this.#service.setClient(clientId, clientSecret);
  }

  setProxyPassword(password: Secret | null): Promise<void> {
    return this.#service.setProxyPassword(password);
  }

  async import(grant: ImportedGrant, signal: AbortSignal): Promise<Authorization> {
    await this.#settingsRead;
    return this.#service.import(grant, signal);
  }

  async list(): Promise<readonly Authorization[]> {
    await this.#settingsRead;
    return this.#service.list();
  }

  async revoke(orgId: string, signal: AbortSignal): Promise<{ revokedAtWebex: boolean }> {
    await this.#settingsRead;
    return this.#service.revoke(orgId, signal);
  }

  async begin(method: FlowMethod, signal: AbortSignal): Promise<FlowView> {
    await this.#settingsRead;
    return this.#service.begin(method, signal);
  }

  cancel(): Promise<void> {
    return this.#service.cancel();
  }

  get events(): AuthorizationService["events"] {
    return this.#service.events;
  }
}
