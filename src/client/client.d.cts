// Generated from src/client/ by `npm run generate`: do not edit.

/** There was no worker to answer. */
export declare class ClientError extends Error {
  readonly name = "ClientError";
  readonly code: ClientErrorCode;
  constructor(
    code: ClientErrorCode,
    message: string,
    options?: {
      readonly cause: unknown;
    },
  );
}
/** Launches a worker from its manifest as a host does, talks to it, and restarts it. */
export declare class PresenceClient {
  #private;
  readonly manifest: WorkerManifest;
  /** Throws a `ClientError` for a manifest that cannot be launched. */
  constructor(options: PresenceClientOptions);
  get events(): Subscribable<ClientEvents>;
  /** The worker's process id, or null if it is not running. */
  get pid(): number | null;
  /** The addresses with a refresh under way: a console marks them as being checked. */
  get refreshing(): ReadonlySet<string>;
  /**
   * Launches the worker, unless it is running. Resolves when its process exists, which accepts
   * requests immediately, and when it has answered `introduction`. Waits for a worker that is being
   * stopped. Rejects with a `ClientError`, `launchFailed`, or as `request`.
   */
  start(): Promise<void>;
  /**
   * Stops the worker with `shutdown` and `exit`, and kills it after `timeoutMs`. It is not
   * restarted. Idempotent.
   */
  stop(options?: StopOptions): Promise<WorkerExit>;
  /** Kills the worker, which the restart policy treats as a crash. */
  kill(signal?: string): void;
  /** Resolves when the current process has exited. */
  exited(): Promise<WorkerExit>;
  /**
   * Calls a method (docs/protocol.md). Rejects with an `RpcError` for an error response, and with a
   * `ClientError`, `notRunning` or `workerExited`, without a worker.
   */
  request<M extends MethodName>(
    method: M,
    ...args: RequestArguments<M>
  ): Promise<RequestResults[M]>;
  notify(method: string, params?: object): void;
  /**
   * Subscribes to presence, across restarts of the worker. Resolves with the present state, and
   * rejects like `request`.
   */
  subscribe(target: SubscriptionTarget): Promise<Subscription>;
  /**
   * Asks for somebody's presence as Webex has it at the moment of a decision, such as before a
   * transfer. Meanwhile, a console keeps showing the state that it has, marked by `refreshing`.
   * Rejects like `request`, but not if Webex cannot answer: the record is then not fresh.
   */
  refresh(uri: string, options?: RefreshOptions): Promise<RefreshedPresence>;
}
/** What the worker answered instead of a result. docs/errors.md lists the codes. */
export declare class RpcError extends Error {
  readonly name = "RpcError";
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown);
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
export interface ClientEvents {
  readonly presenceChanged: NotificationParams["presence/changed"];
  readonly authorizationChanged: NotificationParams["authorization/changed"];
  readonly statusChanged: NotificationParams["worker/statusChanged"];
  /** Any notification, also one that this version of the client does not know. */
  readonly notified: {
    readonly method: string;
    readonly params: unknown;
  };
  /** `refreshing` has changed. */
  readonly refreshingChanged: undefined;
  /** A line of the worker's log. */
  readonly stderrLine: string;
  /** The process has ended; `restart` tells when the next one is launched, null: it is not. */
  readonly exited: WorkerExit & {
    readonly restart: Restart | null;
  };
  /** The worker was launched after a failure. */
  readonly restarted: Restart;
  /** A launch after a failure has failed itself; the next one follows. */
  readonly launchFailed: ClientError;
  /** The worker violated the protocol. If what follows cannot be read, it is killed. */
  readonly protocolError: Error;
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
export interface PresenceClientOptions extends LaunchOptions {
  /** The path of the plugin.manifest.json that describes the worker. */
  readonly manifestPath: string;
  /** Sent as `initialize` after each launch. Without it, nothing is sent. */
  readonly introduction?: HostIntroduction;
  /** Whether to apply the manifest's restart policy. Default: true. */
  readonly restart?: boolean;
  /** Called with all bytes on the worker's pipes, for example to record them. */
  readonly trace?: (stream: "stdin" | "stdout" | "stderr", bytes: Uint8Array) => void;
}
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
export interface RefreshOptions {
  /** The oldest answer that will do: Webex is asked about a record confirmed before. Default: 0. */
  readonly maxAgeSeconds?: number;
  /** How long to wait for Webex; then the answer is what the worker knows. Default: 3000. */
  readonly maxWaitMs?: number;
  /** Cancels the request, which then rejects with an `RpcError` -32800. */
  readonly signal?: AbortSignal;
}
export interface RefreshedPresence {
  readonly record: PresenceRecord;
  /**
   * Whether Webex confirmed the record recently enough. If not, `observedAt` tells when the latest
   * response came.
   */
  readonly isFresh: boolean;
  /** How long the answer took, in milliseconds. */
  readonly tookMs: number;
}
export interface RequestOptions {
  /**
   * Sends `$/cancelRequest` when it is aborted. The worker then responds with -32800, or with the
   * result if it has it already.
   */
  readonly signal?: AbortSignal;
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
export interface Restart {
  /** Of the restarts since the worker was last stable; starts at 1. */
  readonly attempt: number;
  readonly delaySeconds: number;
}
export interface StopOptions {
  /** Default: 5000. */
  readonly timeoutMs?: number;
}
/**
 * A live subscription. When the worker exits, its records become unknown (`notReady`), because
 * nobody confirms them any more; after a restart, the client subscribes again.
 */
export interface Subscription {
  readonly events: Subscribable<SubscriptionEvents>;
  /** The present state by address, as the subscription spells it. */
  readonly records: ReadonlyMap<string, PresenceRecord>;
  /** Ends it, also while the worker is not running. Idempotent. */
  unsubscribe(): Promise<void>;
}
export interface SubscriptionEvents {
  /** The records of which state, reason or `webexStatus` changed. */
  readonly changed: readonly PresenceRecord[];
  /**
   * The worker was restarted and did not accept the subscription, so that its records stay unknown
   * until the next restart.
   */
  readonly failed: Error;
}
export interface WorkerExit {
  /** Null if a signal ended the process. */
  readonly code: number | null;
  readonly signal: string | null;
}
/** The part of plugin.manifest.json that says how to launch the worker. */
export interface WorkerManifest {
  /** The folder of the manifest, to which relative arguments refer: the worker's current folder. */
  readonly folder: string;
  /** An absolute path, or the name of a program on the PATH. */
  readonly command: string;
  readonly args: readonly string[];
  readonly settingsArgument: string;
  readonly hostPidArgument: string;
  readonly protocolVersion: string;
  readonly restart: {
    readonly policy: string;
    /** The last one is used for all further restarts. */
    readonly delaysSeconds: readonly number[];
  };
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
/**
 * - `manifestInvalid`: the manifest cannot be read, or describes a worker that this client cannot
 *   launch.
 * - `launchFailed`: the operating system did not start the worker's program.
 * - `notRunning`: the worker has not been started, was stopped, or will be restarted.
 * - `workerExited`: the worker ended before it answered.
 */
export type ClientErrorCode = "manifestInvalid" | "launchFailed" | "notRunning" | "workerExited";
/** What a host says of itself in `initialize`. */
export type HostIntroduction = Omit<RequestParams["initialize"], "protocolVersion">;
/** The name of a method. */
export type MethodName = keyof RequestParams;
/** Parameters may be left out if no member of them is required. */
export type RequestArguments<M extends MethodName> =
  Record<never, never> extends RequestParams[M]
    ? [params?: RequestParams[M], options?: RequestOptions]
    : [params: RequestParams[M], options?: RequestOptions];
/** Whom to watch: these addresses, in any spelling, or everyone. */
export type SubscriptionTarget =
  | {
      readonly uris: readonly string[];
    }
  | {
      readonly all: true;
    };
interface LaunchOptions {
  /** The path of Presence.ini. */
  readonly settingsPath: string;
  /** Arguments after those of the manifest, such as `["--secret-store", "memory"]`. */
  readonly args?: readonly string[];
  /** Added to the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Replaces the manifest's command, for example with another version of Node.js. */
  readonly command?: string;
  /** The host's process id; null leaves the argument out. Default: the id of this process. */
  readonly hostPid?: number | null;
  /** Gives the worker a process group of its own, as a service manager does. Default: false. */
  readonly ownProcessGroup?: boolean;
}
interface Subscribable<Events> {
  on<Name extends keyof Events>(event: Name, listener: (payload: Events[Name]) => void): Disposer;
}
type Disposer = () => void;

export {};
