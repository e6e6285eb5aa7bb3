/** Something the worker knows and the person at the authorization page should: a problem of the status, in the same words. */
export interface PageNotice {
  readonly code: string;
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  readonly hint: string;
  readonly orgId: string | null;
}
