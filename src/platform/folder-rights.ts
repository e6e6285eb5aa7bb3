/** Who may use a folder on Windows, by the text form of its rights (SDDL). */

export const LOCAL_SYSTEM = "S-1-5-18";
export const ADMINISTRATORS = "S-1-5-32-544";
export const USERS = "S-1-5-32-545";
const EVERYONE = "S-1-1-0";

/**
 * SDDL's abbreviations for accounts that are the same on every machine. Those of a domain (DA, DU
 * …) stay as they are, because their SIDs contain the domain's.
 */
const SIDS = {
  AC: "S-1-15-2-1",
  AN: "S-1-5-7",
  AO: "S-1-5-32-548",
  AU: "S-1-5-11",
  BA: ADMINISTRATORS,
  BG: "S-1-5-32-546",
  BO: "S-1-5-32-551",
  BU: USERS,
  CG: "S-1-3-1",
  CO: "S-1-3-0",
  IU: "S-1-5-4",
  LS: "S-1-5-19",
  NS: "S-1-5-20",
  NU: "S-1-5-2",
  OW: "S-1-3-4",
  PU: "S-1-5-32-547",
  RD: "S-1-5-32-555",
  SO: "S-1-5-32-549",
  SU: "S-1-5-6",
  SY: LOCAL_SYSTEM,
  WD: EVERYONE,
} as const;
const SID_OF = new Map<string, string>(Object.entries(SIDS));

const NAMES: Readonly<Record<string, string>> = {
  [SIDS.AC]: "all app packages",
  [SIDS.AN]: "anonymous",
  [SIDS.AU]: "Authenticated Users",
  [SIDS.BG]: "Guests",
  [SIDS.BO]: "Backup Operators",
  [SIDS.BU]: "Users",
  [SIDS.CG]: "the primary group of a file's owner",
  [SIDS.IU]: "Interactive",
  [SIDS.LS]: "Local Service",
  [SIDS.NS]: "Network Service",
  [SIDS.NU]: "Network",
  [SIDS.PU]: "Power Users",
  [SIDS.RD]: "Remote Desktop Users",
  [SIDS.SU]: "Service",
  [EVERYONE]: "Everyone",
  DC: "Domain Computers",
  DG: "Domain Guests",
  DU: "Domain Users",
  LG: "Guest",
};

/** Accounts that can take any right anyway, and those that stand for the owner of a file. */
const TRUSTED = new Set<string>([
  ...[LOCAL_SYSTEM, ADMINISTRATORS, SIDS.CO, SIDS.OW, "LA", "DA", "EA"],
  // TrustedInstaller, which has rights to everything below C:\Program Files.
  "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
]);
/** The built-in administrator, and the administrators of a domain and of a forest. */
const TRUSTED_DOMAIN_SID = /^S-1-5-21-[\d-]+-(500|512|519)$/;
/** A single account: a user, a service, or one that is built in for services. */
const ACCOUNT_SID = /^S-1-5-(21-[\d-]+|80-[\d-]+|19|20)$/;

const FULL = 0x1f01ff;
const RIGHTS = {
  ...{ GA: FULL, GR: 0x120089, GW: 0x120116, GX: 0x1200a0 },
  ...{ FA: FULL, FR: 0x120089, FW: 0x120116, FX: 0x1200a0 },
  ...{ CC: 0x1, DC: 0x2, LC: 0x4, SW: 0x8, RP: 0x10, WP: 0x20, DT: 0x40, LO: 0x80, CR: 0x100 },
  ...{ SD: 0x10000, RC: 0x20000, WD: 0x40000, WO: 0x80000 },
} as const;
const RIGHTS_OF = new Map<string, number>(Object.entries(RIGHTS));
/** The generic rights, as bits of a mask. */
const GENERIC_RIGHTS = [
  [0x10000000, FULL],
  [0x20000000, RIGHTS.GX],
  [0x40000000, RIGHTS.GW],
  [0x80000000, RIGHTS.GR],
] as const;
/**
 * Reading or listing, writing, adding, deleting, and changing rights or owner. Rights that do no
 * harm are those on attributes, traversing, and reading the rights.
 */
const ACCESS_BITS = 0x1 | 0x2 | 0x4 | 0x40 | 0x10000 | 0x40000 | 0x80000;
/** Those of them that change something: all but reading or listing. */
export const CHANGE_BITS = ACCESS_BITS & ~0x1;

interface Entry {
  readonly isAllowed: boolean;
  readonly appliesToFolder: boolean;
  readonly appliesToFiles: boolean;
  readonly rights: number;
  readonly sid: string;
}

/**
 * Who can read or change a folder, or the files that are made in it, besides the system,
 * administrators and the owner of a file. SIDs, or SDDL's abbreviation for a group of a domain;
 * empty if nobody can. Null if the text is not SDDL. Group memberships are unknown, so a denial
 * counts only for the account that it names, or for all if it names Everyone. With `CHANGE_BITS`
 * as `bits`, accounts that can only read are left out.
 */
export function accountsWithAccess(sddl: string, bits = ACCESS_BITS): readonly string[] | null {
  const entries = parseEntries(sddl);
  if (entries === null) return null;
  const found = new Set<string>();
  for (const applies of ["appliesToFolder", "appliesToFiles"] as const) {
    const denied = new Map<string, number>();
    const deniedFor = (sid: string): number => denied.get(sid) ?? 0;
    for (const entry of entries) {
      if (!entry[applies]) continue;
      const { isAllowed, rights, sid } = entry;
      if (!isAllowed) denied.set(sid, deniedFor(sid) | rights);
      else if ((rights & ~deniedFor(sid) & ~deniedFor(EVERYONE) & bits) !== 0) found.add(sid);
    }
  }
  return [...found].filter((sid) => !TRUSTED.has(sid) && !TRUSTED_DOMAIN_SID.test(sid));
}

/**
 * Those of `accounts` that are not the worker's account. `ownSid` is the account that asks, null if
 * it is unknown. If the folder is not for that account, but for one other single account, the
 * latter is taken for the worker's.
 */
export function otherAccounts(accounts: readonly string[], ownSid: string | null): string[] {
  if (ownSid !== null && accounts.includes(ownSid)) return accounts.filter((sid) => sid !== ownSid);
  const single = accounts.filter((sid) => ACCOUNT_SID.test(sid));
  return single.length === 1 ? accounts.filter((sid) => sid !== single[0]) : [...accounts];
}

/** `Users (S-1-5-32-545)`, or the SID of an account without a fixed name. */
export function describeSid(sid: string): string {
  const name = NAMES[sid];
  if (name === undefined) return sid;
  return sid.startsWith("S-") ? `${name} (${sid})` : name;
}

function parseEntries(sddl: string): Entry[] | null {
  const list = /D:([A-Z_]*)((?:\(.*\))?)/.exec(sddl.trim());
  if (list === null) return null;
  const [, flags = "", text = ""] = list;
  // No list at all, as opposed to an empty one, allows everything.
  if (flags.includes("NO_ACCESS_CONTROL")) return [entryFor("A", "OICI", "FA", "WD")];
  const fields = [...text.matchAll(/\((\w+);(\w*);(\w*);[^;]*;[^;]*;([\w-]+)/g)];
  return fields
    .map(([, type = "", inheritance = "", rights = "", account = ""]) =>
      entryFor(type, inheritance, rights, account),
    )
    .filter((entry) => entry !== null);
}

function entryFor(type: "A", inheritance: string, rights: string, account: string): Entry;
function entryFor(type: string, inheritance: string, rights: string, account: string): Entry | null;
function entryFor(type: string, inheritance: string, rights: string, account: string) {
  // XA: under a condition, which is taken to be met. Other types grant nothing.
  if (!["A", "XA", "D"].includes(type)) return null;
  const inherited = new Set(inheritance.match(/../g));
  return {
    isAllowed: type !== "D",
    appliesToFolder: !inherited.has("IO"),
    appliesToFiles: inherited.has("OI"),
    rights: parseRights(rights),
    sid: SID_OF.get(account) ?? account,
  };
}

function parseRights(text: string): number {
  if (!/^(0[xX])?\d/.test(text))
    return (text.match(/../g) ?? []).reduce((mask, name) => mask | (RIGHTS_OF.get(name) ?? 0), 0);
  const mask = Number(text);
  return GENERIC_RIGHTS.reduce(
    (all, [bit, rights]) => ((mask & bit) === 0 ? all : all | rights),
    mask,
  );
}
