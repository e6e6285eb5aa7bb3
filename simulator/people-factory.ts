import { asciiName, DEPARTMENTS, FIRST_NAMES, LAST_NAMES, TIMEZONES } from "./names.js";
import { mixSeeds, pick, seededRandom, seededUuid } from "./random.js";

/** A person at Webex. Members that change while the simulator runs are not readonly. */
export interface SimulatedPerson {
  /** Identifies the person to the presence walk. */
  readonly index: number;
  readonly seed: number;
  readonly id: string;
  readonly uuid: string;
  readonly type: "person" | "bot" | "appuser";
  /** In no particular order, as at Webex. */
  emails: readonly string[];
  userName: string | null;
  /** The local part of the SIP addresses, which stays if the e-mail addresses change. */
  readonly sipUser: string;
  readonly displayName: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly department: string;
  readonly title: string;
  /** Ids of administrator roles. */
  readonly roles: readonly string[];
  /** The location in Webex Calling; null: the person has no Webex Calling license. */
  locationId: string | null;
  /** null: Webex sends no `status`. */
  status: string | null;
  /** Real time, in milliseconds since the epoch; null: Webex sends no `lastActivity`. */
  lastActivity: number | null;
  /** The simulated time until which `status` is valid. */
  nextChangeAt: number;
  /** The status was set explicitly and does not follow the presence walk. */
  pinned: boolean;
  /** Cached JSON of all members but presence, without the closing brace. */
  json: string | null;
}

/** A Webex organization. `people` is in list order; the keys of `byEmail` are in lower case. */
export interface SimulatedOrganization {
  readonly index: number;
  readonly id: string;
  readonly uuid: string;
  readonly name: string;
  readonly slug: string;
  readonly domain: string;
  readonly created: string;
  readonly seed: number;
  /** The locations in Webex Calling. */
  readonly locations: readonly { readonly id: string; readonly name: string }[];
  readonly people: SimulatedPerson[];
  readonly byEmail: Map<string, SimulatedPerson>;
  readonly byId: Map<string, SimulatedPerson>;
  /** The Full Admin. */
  readonly administrator: SimulatedPerson;
  /** A user without an administrator role. */
  readonly regularUser: SimulatedPerson;
}

export interface OrganizationOptions {
  readonly name: string;
  /** The number of people including the administrator, who is the first; at least 1. */
  readonly persons: number;
  /** The number of bots in the list. Default: one per 100 persons. */
  readonly bots?: number;
  readonly seed?: number;
  /** The e-mail domain. Default: derived from the name. */
  readonly domain?: string;
}

/** Webex ids are the unpadded Base64 encoding of a `ciscospark:` URI. */
export function webexId(
  kind: "PEOPLE" | "ORGANIZATION" | "ROLE" | "LICENSE" | "LOCATION",
  uuid: string,
): string {
  return Buffer.from(`ciscospark://us/${kind}/${uuid}`).toString("base64").replaceAll("=", "");
}

const FULL_ADMIN_ROLE = webexId("ROLE", "id_full_admin");
const OTHER_ADMIN_ROLES = ["id_readonly_admin", "id_user_admin", "id_device_admin"].map((name) =>
  webexId("ROLE", name),
);
const OTHER_ADMINS_SHARE = 0.04;
const CALLING_SHARE = 0.8;
const LOCATION_NAMES = ["Headquarters", "Warehouse", "Home offices"];

/** Deterministic: the same options create the same organization, including all ids. */
export function createOrganization(
  options: OrganizationOptions,
  index: number,
): SimulatedOrganization {
  const seed = options.seed ?? index + 1;
  const random = seededRandom(mixSeeds(seed, 1, index));
  const uuid = seededUuid(random);
  const slug = asciiName(options.name) || `organization${index}`;
  const domain = options.domain ?? `${slug}.example`;
  const locations = LOCATION_NAMES.map((name) => ({
    name,
    id: webexId("LOCATION", seededUuid(random)),
  }));
  const people: SimulatedPerson[] = [];
  const usedAddresses = new Set<string>();
  for (let number = 0; number < Math.max(1, options.persons); number++) {
    people.push(
      createPerson({ seed, number, domain, usedAddresses, locations, isFullAdmin: number === 0 }),
    );
  }
  const [administrator] = people;
  if (!administrator) throw new Error("An organization has at least one person.");
  const regularUser = people[1] ?? administrator;
  const bots = options.bots ?? Math.ceil(options.persons / 100);
  for (let number = 0; number < bots; number++) {
    const bot = createBot({ seed, number, index: options.persons + number, slug });
    people.splice(Math.floor((number + 0.5) * (people.length / Math.max(1, bots))), 0, bot);
  }
  return {
    index,
    id: webexId("ORGANIZATION", uuid),
    uuid,
    name: options.name,
    slug,
    domain,
    created: "2019-05-14T08:12:33+00:00",
    seed,
    locations,
    people,
    byEmail: new Map(
      people.flatMap((person) =>
        person.emails.map((email) => [email.toLowerCase(), person] as const),
      ),
    ),
    byId: new Map(people.map((person) => [person.id, person])),
    administrator,
    regularUser,
  };
}

export interface PersonOptions {
  readonly seed: number;
  readonly number: number;
  readonly domain: string;
  readonly usedAddresses: Set<string>;
  readonly locations: SimulatedOrganization["locations"];
  readonly isFullAdmin?: boolean;
  /** Default: derived from the seed. */
  readonly email?: string;
  readonly displayName?: string;
}

export function createPerson(options: PersonOptions): SimulatedPerson {
  const seed = mixSeeds(options.seed, options.number, 2);
  const random = seededRandom(seed);
  const uuid = seededUuid(random);
  const firstName = pick(FIRST_NAMES, random);
  const lastName = pick(LAST_NAMES, random);
  const [department, titles] = pick(DEPARTMENTS, random);
  const primary = options.email ?? uniqueAddress(firstName, lastName, options);
  options.usedAddresses.add(primary.toLowerCase());
  const emails = [primary];
  if (random() < 0.08) emails.push(aliasOf(primary));
  if (random() < 0.5) emails.reverse();
  const userName = random() < 0.7 ? primary : null;
  return {
    index: options.number,
    seed,
    id: webexId("PEOPLE", uuid),
    uuid,
    type: "person",
    emails,
    userName,
    sipUser: localPart(userName ?? [...emails].sort()[0] ?? ""),
    displayName: options.displayName ?? `${firstName} ${lastName}`,
    firstName,
    lastName,
    department,
    title: pick(titles, random),
    roles: options.isFullAdmin === true ? [FULL_ADMIN_ROLE] : otherRoles(seed),
    locationId: locationFor(seed, options.locations),
    ...initialPresence(),
  };
}

function createBot(options: {
  seed: number;
  number: number;
  index: number;
  slug: string;
}): SimulatedPerson {
  const seed = mixSeeds(options.seed, options.number, 3);
  const uuid = seededUuid(seededRandom(seed));
  const name = `${options.slug}-assistant-${options.number + 1}`;
  return {
    index: options.index,
    seed,
    id: webexId("PEOPLE", uuid),
    uuid,
    type: options.number % 3 === 2 ? "appuser" : "bot",
    emails: [`${name}@webex.bot`],
    userName: null,
    sipUser: "",
    displayName: name,
    firstName: name,
    lastName: "",
    department: "",
    title: "",
    roles: [],
    locationId: null,
    ...initialPresence(),
  };
}

function otherRoles(personSeed: number): string[] {
  const random = seededRandom(mixSeeds(personSeed, 4));
  return random() < OTHER_ADMINS_SHARE ? [pick(OTHER_ADMIN_ROLES, random)] : [];
}

/** The location of a person in their organization; null without a Webex Calling license. */
export function locationFor(
  personSeed: number,
  locations: SimulatedOrganization["locations"],
): string | null {
  const random = seededRandom(mixSeeds(personSeed, 5));
  return random() < CALLING_SHARE ? pick(locations, random).id : null;
}

function initialPresence(): Pick<
  SimulatedPerson,
  "status" | "lastActivity" | "nextChangeAt" | "pinned" | "json"
> {
  return { status: null, lastActivity: null, nextChangeAt: -Infinity, pinned: false, json: null };
}

function uniqueAddress(firstName: string, lastName: string, options: PersonOptions): string {
  const local = `${asciiName(firstName)}.${asciiName(lastName)}`;
  const plain = `${local}@${options.domain}`;
  return options.usedAddresses.has(plain) ? `${local}${options.number}@${options.domain}` : plain;
}

function localPart(address: string): string {
  return address.split("@")[0] ?? "";
}

function aliasOf(address: string): string {
  const [local, domain] = address.split("@");
  return `${local?.replace(".", "_") ?? ""}@mail.${domain ?? ""}`;
}

export interface PersonJsonOptions {
  /** False for the list by `id=`, which never includes presence, and for `excludeStatus`. */
  readonly withStatus: boolean;
  /** The administrator does not share their status, so Webex sends nobody's. */
  readonly sharingOff: boolean;
  readonly roleLost: boolean;
  /** Replaces the status of every tenth person; "" replaces none. */
  readonly strangeStatus: string;
  /** Sends `"true"` instead of `true`, as the API documentation shows it. */
  readonly booleansAsStrings: boolean;
  /** Adds `locationId`. Default: false. */
  readonly callingData?: boolean;
  /** Includes what only administrators see, and never in the list by `id=`. Default: true. */
  readonly withAdminMembers?: boolean;
}

/** A person in Webex's JSON format, about 1.2 KB. Members that never change are cached. */
export function personJson(
  person: SimulatedPerson,
  organization: SimulatedOrganization,
  options: PersonJsonOptions,
): string {
  const { booleansAsStrings, roleLost, withAdminMembers = true, callingData = false } = options;
  const isCacheable =
    withAdminMembers && !booleansAsStrings && !(roleLost && person.roles.includes(FULL_ADMIN_ROLE));
  const cachedMembers = isCacheable
    ? (person.json ??= fixedMembersJson(person, organization, options))
    : fixedMembersJson(person, organization, options);
  const fixedMembers =
    callingData && person.locationId !== null
      ? `${cachedMembers},"locationId":"${person.locationId}"`
      : cachedMembers;
  if (!options.withStatus || options.sharingOff) return `${fixedMembers}}`;
  const activity =
    person.lastActivity === null
      ? ""
      : `,"lastActivity":"${new Date(person.lastActivity).toISOString()}"`;
  const status =
    options.strangeStatus !== "" && person.status !== null && person.index % 10 === 9
      ? options.strangeStatus
      : person.status;
  return `${fixedMembers}${activity}${status === null ? "" : `,"status":${JSON.stringify(status)}`}}`;
}

/** The SIP addresses that Webex assigns: personal room, enterprise and cloud calling. */
function sipAddressesOf(
  person: SimulatedPerson,
  organization: SimulatedOrganization,
): { type: string; value: string; primary: boolean }[] {
  if (person.type !== "person") return [];
  const address = (domain: string): string => `${person.sipUser}@${organization.slug}.${domain}`;
  return [
    { type: "personal-room", value: address("webex.com"), primary: false },
    { type: "enterprise", value: address("rooms.webex.com"), primary: true },
    { type: "cloud-calling", value: address("calls.webex.com"), primary: true },
  ];
}

function fixedMembersJson(
  person: SimulatedPerson,
  organization: SimulatedOrganization,
  options: PersonJsonOptions,
): string {
  const random = seededRandom(person.seed ^ 0x5eed);
  const booleanValue = (value: boolean): boolean | string =>
    options.booleansAsStrings ? String(value) : value;
  const isPerson = person.type === "person";
  const extension = String(2000 + (person.index % 7999));
  const created = new Date(
    Date.parse("2020-01-07T08:00:00.000Z") + Math.floor(random() * 1.5e11),
  ).toISOString();
  const isAdminView = options.withAdminMembers !== false;
  // Drawn for every view in the same order, so that all views of a person agree.
  const avatar = seededUuid(random);
  const licenses = [1, 2].map(() =>
    webexId("LICENSE", `${organization.uuid}:MS_${seededUuid(random)}`),
  );
  const lastModified = new Date(Date.parse(created) + Math.floor(random() * 4e10)).toISOString();
  const timezone = pick(TIMEZONES, random);
  const [hasNickName, hasTimezone] = [random() < 0.8, random() < 0.9];
  const body = {
    id: person.id,
    emails: person.emails,
    ...(person.userName === null ? {} : { userName: person.userName }),
    phoneNumbers: isPerson
      ? [
          {
            type: "work",
            value: `+39 0584 ${String(900_000 + (person.index % 99_999))}`,
            primary: true,
          },
          { type: "work_extension", value: extension },
        ]
      : [],
    ...(isPerson ? { extension } : {}),
    sipAddresses: sipAddressesOf(person, organization),
    displayName: person.displayName,
    ...(hasNickName ? { nickName: person.firstName } : {}),
    firstName: person.firstName,
    lastName: person.lastName,
    avatar: `https://avatar-prod-us-east-2.webexcontent.com/Avtr~V1~${organization.uuid}/V1~${avatar}~1600`,
    orgId: organization.id,
    ...(isAdminView
      ? {
          roles: person.roles.filter((role) => !options.roleLost || role !== FULL_ADMIN_ROLE),
          licenses: isPerson ? licenses : [],
        }
      : {}),
    ...(isPerson ? { department: person.department, title: person.title } : {}),
    created,
    lastModified,
    ...(hasTimezone ? { timezone } : {}),
    siteUrls: isPerson ? [`${organization.slug}.webex.com`] : [],
    ...(isAdminView ? { invitePending: booleanValue(false) } : {}),
    loginEnabled: booleanValue(true),
    type: person.type,
  };
  return JSON.stringify(body).slice(0, -1);
}
