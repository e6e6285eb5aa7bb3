/** What a record says of a presence. */
export interface SaidPresence {
  readonly state: string;
  readonly basic: string | null;
  readonly activities: readonly string[];
  readonly reason: string | null;
}

type Said = readonly [
  state: string,
  basic: string | null,
  activities: readonly string[],
  reason: string | null,
];

/** The table of docs/protocol.md, written again: those who judge share no code with the worker. */
const STATES: Readonly<Record<string, Said>> = {
  active: ["available", "open", [], null],
  inactive: ["away", "open", ["away"], null],
  call: ["onCall", "open", ["on-the-phone"], null],
  meeting: ["inMeeting", "open", ["meeting"], null],
  presenting: ["presenting", "open", ["presentation"], null],
  DoNotDisturb: ["doNotDisturb", "open", ["busy"], null],
  OutOfOffice: ["outOfOffice", "closed", ["away"], null],
  pending: ["offline", "closed", [], "neverSignedIn"],
  unknown: ["unknown", null, ["unknown"], "undetermined"],
};
const OTHER: Said = ["unknown", null, ["unknown"], "unrecognizedStatus"];
const ABSENT: Said = ["unknown", null, [], "notShared"];
/** Reasons by which a record admits that it does not know. */
const ADMISSIONS = ["invalidUri", "notReady", "disabled", "blocked", "notFound", "stale"];

export function isAdmission({ reason }: SaidPresence): boolean {
  return reason !== null && ADMISSIONS.includes(reason);
}

/** Whether a record says that Webex reports this status, and nothing else. */
export function saysStatus(
  record: SaidPresence & { readonly webexStatus: string | null },
  status: string | null,
): boolean {
  return record.webexStatus === status && isSaid(record, expectedFor(status));
}

/** Says how a record contradicts itself, or returns null. */
export function contradictionOf(
  record: SaidPresence & { readonly webexStatus: string | null },
): string | null {
  const { state, basic, activities, reason, webexStatus } = record;
  const actual = JSON.stringify([state, basic, activities, reason]);
  if (isAdmission(record))
    return isSaid(record, ["unknown", null, [], reason])
      ? null
      : `${actual} is not what ${String(reason)} means.`;
  return isSaid(record, expectedFor(webexStatus))
    ? null
    : `${actual} does not follow from ${String(webexStatus)}.`;
}

function expectedFor(status: string | null): Said {
  return status === null ? ABSENT : (STATES[status] ?? OTHER);
}

function isSaid(record: SaidPresence, [state, basic, activities, reason]: Said): boolean {
  return (
    record.state === state &&
    record.basic === basic &&
    record.reason === reason &&
    record.activities.join() === activities.join()
  );
}
