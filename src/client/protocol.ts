// Generated from openrpc.json by `npm run generate`: do not edit.
/* eslint-disable */

export interface PresenceRecord {
  readonly uri: string;
  readonly state:
    | "available"
    | "away"
    | "onCall"
    | "inMeeting"
    | "presenting"
    | "doNotDisturb"
    | "outOfOffice"
    | "offline"
    | "unknown";
  readonly basic: ("open" | "closed") | null;
  readonly activities: readonly string[];
  readonly reason:
    | (
        | "disabled"
        | "blocked"
        | "notReady"
        | "notFound"
        | "notShared"
        | "stale"
        | "neverSignedIn"
        | "undetermined"
        | "unrecognizedStatus"
        | "invalidUri"
      )
    | null;
  readonly webexStatus: string | null;
  readonly displayName: string | null;
  readonly personId: string | null;
  readonly orgId: string | null;
  readonly lastActivity: string | null;
  readonly since: string | null;
  readonly observedAt: string | null;
}
export interface Authorization {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: string;
  readonly accessTokenExpiresAt: string | null;
  readonly refreshTokenExpiresAt: string | null;
  readonly state: "valid" | "required";
}
export interface WorkerStatus {
  readonly phase: "starting" | "disabled" | "blocked" | "polling" | "stopping";
  readonly enabled: boolean;
  readonly since: string;
  readonly version: string;
  readonly startedAt: string;
  readonly pid: number;
  readonly secretStore: "keychain" | "memory";
  readonly settings: {
    readonly path: string;
    readonly loadedAt: string | null;
    readonly values: {
      [k: string]: string | number | boolean;
    };
  };
  readonly problems: readonly Problem[];
  readonly organizations: readonly {
    readonly orgId: string;
    readonly orgName: string;
    readonly persons: number;
    readonly watched: number;
    readonly mode: "sweep" | "lookup" | "mixed";
    readonly lastSweep: {
      readonly startedAt: string;
      readonly seconds: number;
      readonly persons: number;
      readonly requests: number;
    } | null;
    readonly sweepProgress: {
      readonly persons: number;
      readonly pages: number;
    } | null;
    readonly requests: {
      readonly perMinuteLimit: number;
      readonly lastMinute: number;
      readonly total: number;
      readonly rateLimited: number;
      readonly failed: number;
    };
    readonly rateLimitedUntil: string | null;
    readonly nextRequestAt: string | null;
    readonly ageSeconds: {
      readonly watchedP50: number | null;
      readonly watchedP95: number | null;
    };
    readonly onDemand: {
      readonly lastMinute: number;
      readonly answeredInTime: number;
      readonly late: number;
    };
  }[];
}
export interface Problem {
  readonly code:
    | "keychainUnavailable"
    | "keychainLocked"
    | "clientNotConfigured"
    | "authorizationRequired"
    | "authorizationExpired"
    | "authorizationDenied"
    | "scopeMissing"
    | "adminRoleLost"
    | "hostTooOld"
    | "licenseInvalid"
    | "statusSharingOff"
    | "settingsUnreadable"
    | "settingsInvalid"
    | "settingsUnknown"
    | "organizationTooLarge"
    | "rateLimited"
    | "webexUnreachable"
    | "webexError"
    | "freshnessMissed"
    | "consoleTooOld"
    | "redirectPortInUse"
    | "dashboardPortInUse"
    | "settingsMissing"
    | "memorySecretStore";
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  readonly hint: string;
  readonly since: string;
  readonly orgId: string | null;
}
/** The parameters of each method. */
export interface RequestParams {
  /** Introduces the host. Optional, at most once. */
  readonly initialize: {
    readonly protocolVersion: string;
    readonly host?: {
      readonly name: string;
      readonly version: string;
      readonly licensed?: boolean;
    };
    readonly attendantConsole?: {
      readonly version: string;
    };
    readonly hostPid?: number;
  };
  /** Stops polling and notifications. Later requests fail with -32600. */
  readonly shutdown: Record<string, never>;
  /** Returns this document. */
  readonly "rpc.discover": Record<string, never>;
  /** Returns the presence of one address. */
  readonly "presence/get": {
    readonly uri: string;
    readonly maxWaitMs?: number;
    readonly maxAgeSeconds?: number;
  };
  /** Returns the presence of many addresses, in the order of the request, including duplicates. */
  readonly "presence/getMany": {
    /**
     * @minItems 1
     * @maxItems 10000
     */
    readonly uris: readonly string[];
    readonly maxWaitMs?: number;
    readonly maxAgeSeconds?: number;
  };
  /** Lists all known persons in pages, ordered by uri. */
  readonly "presence/list": {
    readonly limit?: number;
    readonly cursor?: string;
    /** @maxItems 10000 */
    readonly states?: readonly (
      | "available"
      | "away"
      | "onCall"
      | "inMeeting"
      | "presenting"
      | "doNotDisturb"
      | "outOfOffice"
      | "offline"
      | "unknown"
    )[];
    readonly orgId?: string;
  };
  /**
   * Returns the current presence, then sends each change as presence/changed. Takes either
   * "uris" or "all".
   */
  readonly "presence/subscribe": {
    /**
     * @minItems 1
     * @maxItems 10000
     */
    readonly uris?: readonly string[];
    readonly all?: true;
  };
  /** Ends a subscription. */
  readonly "presence/unsubscribe": {
    readonly subscriptionId: string;
  };
  /** Stores the integration's client ID and secret in the keychain. */
  readonly "authorization/setClient": {
    readonly clientId: string;
    readonly clientSecret: string;
  };
  /** Begins an authorization by a person, or returns the open one if it has the same method. */
  readonly "authorization/begin": {
    readonly method: "browser" | "device";
  };
  /** Cancels the open authorization, if there is one. */
  readonly "authorization/cancel": Record<string, never>;
  /**
   * Stores a grant obtained elsewhere, after verifying it with a request to Webex. Durations
   * are in seconds.
   */
  readonly "authorization/import": {
    readonly refreshToken: string;
    readonly accessToken?: string;
    readonly expiresIn?: number;
    readonly refreshTokenExpiresIn?: number;
    readonly scope?: string;
  };
  /** Lists the authorizations in the keychain. */
  readonly "authorization/list": Record<string, never>;
  /** Removes the authorization of an organization from the keychain, whatever Webex responds. */
  readonly "authorization/revoke": {
    readonly orgId: string;
  };
  /** Stores the password of the proxy in the keychain. Null removes it. */
  readonly "authorization/setProxyPassword": {
    readonly password: string | null;
  };
  /** Returns what the worker is doing, and the problems that impair presence. */
  readonly "worker/status": Record<string, never>;
  /** Requests a sweep now, within the request budget. */
  readonly "worker/poll": {
    readonly orgId?: string;
  };
}
/** What each method returns. */
export interface RequestResults {
  readonly initialize: {
    readonly protocolVersion: "1.1";
    readonly worker: {
      readonly name: string;
      readonly version: string;
    };
    readonly capabilities: {
      readonly presence: true;
      readonly subscriptions: true;
      readonly authorization: readonly ("browser" | "device" | "import")[];
      readonly organizations: "multiple";
    };
  };
  readonly shutdown: null;
  readonly "rpc.discover": {
    readonly openrpc: string;
    [k: string]: unknown;
  };
  readonly "presence/get": PresenceRecord;
  readonly "presence/getMany": {
    readonly records: readonly PresenceRecord[];
  };
  readonly "presence/list": {
    readonly records: readonly PresenceRecord[];
    readonly nextCursor: string | null;
    readonly total: number;
  };
  readonly "presence/subscribe": {
    readonly subscriptionId: string;
    readonly records: readonly PresenceRecord[];
  };
  readonly "presence/unsubscribe": null;
  readonly "authorization/setClient": null;
  readonly "authorization/begin":
    | {
        readonly method: "browser";
        readonly url: string;
        readonly redirectUri: string;
        readonly expiresAt: string;
      }
    | {
        readonly method: "device";
        readonly verificationUri: string;
        readonly verificationUriComplete: string | null;
        readonly userCode: string;
        readonly expiresAt: string;
      };
  readonly "authorization/cancel": null;
  readonly "authorization/import": Authorization;
  readonly "authorization/list": {
    readonly authorizations: readonly Authorization[];
  };
  readonly "authorization/revoke": {
    readonly revokedAtWebex: boolean;
  };
  readonly "authorization/setProxyPassword": null;
  readonly "worker/status": WorkerStatus;
  readonly "worker/poll": {
    readonly accepted: boolean;
    readonly nextPossibleAt: string | null;
  };
}
/** The parameters of each notification. */
export interface NotificationParams {
  /**
   * Contains the records whose state, reason or webexStatus changed. The sequence increases by
   * 1; there is one counter per process.
   */
  readonly "presence/changed": {
    readonly subscriptionIds: readonly string[];
    readonly sequence: number;
    /**
     * @minItems 1
     * @maxItems 500
     */
    readonly changes: readonly PresenceRecord[];
  };
  /** Contains the authorizations and the open flow, after either has changed. */
  readonly "authorization/changed": {
    readonly authorizations: readonly Authorization[];
    readonly flow: {
      readonly method: "browser" | "device";
      readonly url: string | null;
      readonly verificationUri: string | null;
      readonly userCode: string | null;
      readonly expiresAt: string | null;
      readonly state: "waiting" | "authorized" | "denied" | "failed" | "expired" | "cancelled";
      readonly message: string | null;
    } | null;
  };
  /**
   * Contains the status, after its phase or problems have changed. Sent at most once per
   * second.
   */
  readonly "worker/statusChanged": WorkerStatus;
}

/** The name of a method. */
export type MethodName = keyof RequestParams;
