/** What `Presence.ini` says about polling. */
export interface PollingSettings {
  readonly pollIntervalSeconds: number;
  readonly requestsPerMinute: number;
  readonly staleAfterSeconds: number;
}
