import type { SimulatedClient } from "./client-registry.js";
import type { FaultRule } from "./faults.js";
import type { Knobs } from "./knobs.js";
import type { SimulatedOrganization, SimulatedPerson } from "./people-factory.js";
import type { LoggedRequest, RequestFilter } from "./request-log.js";
import type { Role } from "./token-store.js";

/** What the control endpoints ask of the simulator; `WebexSimulator` says what each one means. */
export interface SimulatorControls {
  readonly apiUrl: string;
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  readonly organizations: readonly SimulatedOrganization[];
  readonly knobs: Readonly<Knobs>;
  readonly faults: readonly FaultRule[];
  set(patch: Partial<Knobs>): void;
  fail(rule: FaultRule): void;
  clearFaults(): void;
  mark(): number;
  requestsSince(mark: number, filter: RequestFilter): LoggedRequest[];
  person(key: string): SimulatedPerson | null;
  setStatus(key: string, status: string | null): number;
  release(key: string): void;
  issueGrant(options: {
    orgIndex?: number;
    role?: Role;
    scopes?: readonly string[];
    clientId?: string;
  }): object;
  endGrants(options: { orgIndex?: number }): void;
  registerClient(options: {
    clientId?: string;
    clientSecret?: string;
    redirectUris?: readonly string[];
    scopes?: readonly string[];
  }): SimulatedClient;
}
