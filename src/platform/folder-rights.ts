/** Who may use a folder on Windows, by the text form of its rights (SDDL). */

export const LOCAL_SYSTEM = "S-1-5-18";
export const ADMINISTRATORS = "S-1-5-32-544";
export const USERS = "S-1-5-32-545";
/** Stands for the owner. Without an entry for it, the owner may always change the rights. */
export const OWNER_RIGHTS = "S-1-3-4";
const EVERYONE = "S-1-1-0";

/**
 * SDDL's abbreviations for accounts that are the same on every machine. Those of a domain (DA, DU
 * …) stay as they are, because their SIDs contain the domain's.
 */
const SIDS = {
  AA: "S-1-5-32-579",
  AC: "S-1-15-2-1",
  AN: "S-1-5-7",
  AO: "S-1-5-32-548",
  AS: "S-1-18-1",
  AU: "S-1-5-11",
  BA: ADMINISTRATORS,
  BG: "S-1-5-32-546",
  BO: "S-1-5-32-551",
  BU: USERS,
  CD: "S-1-5-32-574",
  CG: "S-1-3-1",
  CO: "S-1-3-0",
  CY: "S-1-5-32-569",
  ED: "S-1-5-9",
  ER: "S-1-5-32-573",
  ES: "S-1-5-32-576",
  HA: "S-1-5-32-578",
  HO: "S-1-5-32-584",
  IS: "S-1-5-32-568",
  IU: "S-1-5-4",
  LS: "S-1-5-19",
  LU: "S-1-5-32-559",
  MS: "S-1-5-32-577",
  MU: "S-1-5-32-558",
  NO: "S-1-5-32-556",
  NS: "S-1-5-20",
  NU: "S-1-5-2",
  OW: OWNER_RIGHTS,
  PO: "S-1-5-32-550",
  PS: "S-1-5-10",
  PU: "S-1-5-32-547",
  RA: "S-1-5-32-575",
  RC: "S-1-5-12",
  RD: "S-1-5-32-555",
  RE: "S-1-5-32-552",
  RM: "S-1-5-32-580",
  RU: "S-1-5-32-554",
  SO: "S-1-5-32-549",
  SS: "S-1-18-2",
  SU: "S-1-5-6",
  SY: LOCAL_SYSTEM,
  UD: "S-1-5-84-0-0-0-0-0",
  WD: EVERYONE,
  WR: "S-1-5-33",
} as const;
const SID_OF = new Map<string, string>(Object.entries(SIDS));

const NAMES: Readonly<Record<string, string>> = {
  [SIDS.AC]: "all app packages",
  [SIDS.AN]: "anonymous",
  [SIDS.AU]: "Authenticated Users",
  [SIDS.BG]: "Guests",
  [SIDS.BO]: "Backup Operators",
  [SIDS.BU]: "Users",
  [SIDS.HA]: "Hyper-V Administrators",
  [SIDS.IS]: "IIS_IUSRS",
  [SIDS.CG]: "the primary group of a file's owner",
  [SIDS.IU]: "Interactive",
  [SIDS.LS]: "Local Service",
  [SIDS.NS]: "Network Service",
  [SIDS.NU]: "Network",
  [SIDS.PU]: "Power Users",
  [SIDS.RD]: "Remote Desktop Users",
  [SIDS.RM]: "Remote Management Users",
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
/**
 * A single account: a user, a service, an application pool of IIS, or one that is built in for
 * services. The numbers from 512 to 999 belong to groups of a domain, such as Domain Users (513).
 */
const ACCOUNT_SID =
  /^S-1-5-(21(-\d+){3}-(?!(5(1[2-9]|[2-9]\d)|[6-9]\d\d)$)\d+|8[02](-\d+){5}|19|20)$/;

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
  return [...found].filter((sid) => !isTrusted(sid));
}

/** Whether an account can take any right anyway, or stands for the owner of a file. */
export function isTrusted(sid: string): boolean {
  return TRUSTED.has(sid) || TRUSTED_DOMAIN_SID.test(sid);
}

/**
 * Whether the owner of a folder can open it to anybody: always, unless an entry for the owner's
 * rights grants less. False if the text is not SDDL.
 */
export function ownerHasRights(sddl: string): boolean {
  const entries = parseEntries(sddl);
  if (entries === null) return false;
  const own = entries.filter(({ appliesToFolder, sid }) => appliesToFolder && sid === OWNER_RIGHTS);
  return (
    own.length === 0 ||
    own.some(({ isAllowed, rights }) => isAllowed && (rights & ACCESS_BITS) !== 0)
  );
}

/** The owner in a text that names it first: a SID, or the abbreviation for one of a domain. */
export function parseOwner(sddl: string): string | null {
  const [, account] = /^O:(S-1-[\d-]+|[A-Z]{2})/.exec(sddl.trim()) ?? [];
  return account === undefined ? null : (SID_OF.get(account) ?? account);
}

/**
 * Which of `accounts` is the worker's: that which asks, `ownSid`, or else the only one that is a
 * single account. Null if there is no such account. `ownSid` is null if it is unknown.
 */
export function findWorkerAccount(
  accounts: readonly string[],
  ownSid: string | null,
): string | null {
  if (ownSid !== null && accounts.includes(ownSid)) return ownSid;
  const [single = null, ...more] = accounts.filter((sid) => ACCOUNT_SID.test(sid));
  return more.length === 0 ? single : null;
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
