/** What the processes of a soak tell each other. Times are epoch milliseconds of one machine. */

export interface TruthChange {
  /** The index in the simulator's list of persons. */
  readonly person: number;
  readonly at: number;
  readonly status: string | null;
}

export interface SoakPerson {
  readonly id: string;
  readonly email: string;
  readonly status: string | null;
}

/** Where the host has a record from. */
export type RecordSource = "change" | "subscribe" | "query" | "decision";

/** A presence record as the host got it. */
export interface ReceivedRecord {
  /** The address as the host wrote it. */
  readonly uri: string;
  readonly person: number;
  readonly state: string;
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly reason: string | null;
  readonly webexStatus: string | null;
  readonly personId: string | null;
  readonly observedAt: number | null;
}

export interface RecordBatch {
  readonly type: "records";
  readonly source: RecordSource;
  readonly calledAt: number;
  readonly receivedAt: number;
  /** A decision whose record counts as confirmed after the call. */
  readonly isFresh: boolean;
  readonly records: readonly ReceivedRecord[];
}

export interface SoakStatus {
  readonly phase: string;
  readonly pid: number;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
  readonly settings: { readonly values: Readonly<Record<string, unknown>> };
  readonly organizations: readonly {
    readonly persons: number;
    readonly requests: { readonly perMinuteLimit: number };
  }[];
}

export interface SoakRequest {
  readonly at: number;
  readonly path: string;
  readonly status: number | null;
  readonly bearer: boolean;
}

/** How a decision was answered. */
export interface Decision {
  readonly calledAt: number;
  readonly isFresh: boolean;
  readonly tookMs: number;
}

export type SoakEvent =
  | RecordBatch
  /** All that changed before `upTo`. */
  | { readonly type: "truth"; readonly upTo: number; readonly changes: readonly TruthChange[] }
  | { readonly type: "requests"; readonly requests: readonly SoakRequest[] }
  /** The process did not run, so that what it says about time is late. */
  | { readonly type: "stall"; readonly from: number; readonly to: number }
  | { readonly type: "unsubscribed"; readonly uris: readonly string[] }
  | { readonly type: "status"; readonly at: number; readonly status: SoakStatus }
  | { readonly type: "log"; readonly at: number; readonly line: string }
  | { readonly type: "workerStarted"; readonly at: number; readonly pid: number }
  | { readonly type: "workerExited"; readonly at: number; readonly exit: string }
  | { readonly type: "protocolError"; readonly message: string }
  | ({ readonly type: "decision" } & Decision);

/** What `start` of the host's process needs. */
export interface HostOptions {
  readonly settingsPath: string;
  readonly logDirectory: string;
  readonly secretStore: "keychain" | "memory";
  readonly env: Readonly<Record<string, string>>;
  readonly people: readonly SoakPerson[];
  readonly watched: number;
  readonly seed: number;
}

export interface WebexOptions {
  readonly persons: number;
  readonly flipping: number;
  readonly flipsPerSecond: number;
  readonly accessTokenSeconds: number;
  readonly seed: number;
}

export interface WebexInfo {
  readonly apiUrl: string;
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  readonly grant: Readonly<Record<string, unknown>>;
  readonly people: readonly SoakPerson[];
}
