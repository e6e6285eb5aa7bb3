import type { AuthorizationChange, AuthorizationEvents, FlowView } from "../authorization/flow.js";
import type { Subscribable } from "../faults/emitter.js";
import type { PeopleIndex } from "../presence/people-index.js";
import type { StatusEvents, WorkerStatus } from "../supervisor/status.js";

/** What the dashboard shows and does. */
export interface DashboardServices {
  readonly status: {
    readonly events: Subscribable<StatusEvents>;
    current(): WorkerStatus;
  };
  readonly authorization: {
    readonly events: Subscribable<AuthorizationEvents>;
    current(): AuthorizationChange;
    /** See `Authorizations.begin`. */
    begin(method: "browser", signal: AbortSignal): Promise<FlowView>;
  };
  readonly presence: {
    /** Rises when people may read differently. */
    readonly peopleVersion: number;
    readonly personCount: number;
    readonly statusChanges: number;
    createPeopleIndex(): PeopleIndex;
  };
  /** Requests a sweep of one organization, or of all (null). Fault: `unknownOrganization`. */
  readonly poll: (orgId: string | null) => {
    readonly accepted: boolean;
    readonly nextPossibleAt: string | null;
  };
}
