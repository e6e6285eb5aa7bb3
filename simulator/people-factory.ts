import { asciiName, DEPARTMENTS, FIRST_NAMES, LAST_NAMES } from "./names.js";
import { mixSeeds, pick, seededRandom, seededUuid } from "./random.js";

/** A person's entry at Webex. What is fixed is readonly; the rest is what changes while the simulator runs. */
export interface SimulatedPerson {
  /** The number under which the presence walk knows this person. */
  readonly index: number;
  readonly seed: number;
  readonly id: string;
  readonly uuid: string;
  readonly type: "person" | "bot" | "appuser";
  /** In no order that means anything, as at Webex. */
  readonly emails: readonly string[];
  readonly userName: string | null;
  readonly displayName: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly department: string;
  readonly title: string;
  readonly isFullAdmin: boolean;
  /** null: Webex answers without `status`. */
  status: string | null;
  /** Real time, ms since 1970; null: Webex answers without `lastActivity`. */
  lastActivity: number | null;
  /** Simulated time at which the walk has to be asked again. */
  nextChangeAt: number;
  /** Set by hand: the walk leaves this person alone. */
  pinned: boolean;
  /** The JSON of everything but the presence, without the closing brace, once it has been asked for. */
  json: string | null;
}

/** One Webex organization. `people` is in the order of the list at Webex; `byEmail` has lower-case addresses. */
export interface SimulatedOrganization {
  readonly index: number;
  readonly id: string;
  readonly uuid: string;
  readonly name: string;
  readonly slug: string;
  readonly domain: string;
  readonly created: string;
  readonly seed: number;
  readonly people: SimulatedPerson[];
  readonly byEmail: Map<string, SimulatedPerson>;
  readonly byId: Map<string, SimulatedPerson>;
  /** The Full Admin, and somebody who is none. */
  readonly administrator: SimulatedPerson;
  readonly regularUser: SimulatedPerson;
}

export interface OrganizationOptions {
  readonly name: string;
  /** How many people, the administrator (the first) included; at least 1. */
  readonly persons: number;
  /** How many bots stand among them; one per hundred persons unless said. */
  readonly bots?: number;
  readonly seed?: number;
  /** The e-mail domain; from the name unless said. */
  readonly domain?: string;
}

/** Webex's opaque ids: unpadded base64 of a `ciscospark:` URI. */
export function webexId(
  kind: "PEOPLE" | "ORGANIZATION" | "ROLE" | "LICENSE",
  uuid: string,
): string {
  return Buffer.from(`ciscospark://us/${kind}/${uuid}`).toString("base64").replaceAll("=", "");
}

/** The same options make the same organization, ids included. */
export function createOrganization(
  options: OrganizationOptions,
  index: number,
): SimulatedOrganization {
  const seed = options.seed ?? index + 1;
  const random = seededRandom(mixSeeds(seed, 1, index));
  const uuid = seededUuid(random);
  const slug = asciiName(options.name) || `organization${index}`;
  const domain = options.domain ?? `${slug}.example`;
  const people: SimulatedPerson[] = [];
  const usedAddresses = new Set<string>();
  for (let number = 0; number < Math.max(1, options.persons); number++) {
    people.push(createPerson({ seed, number, domain, usedAddresses, isFullAdmin: number === 0 }));
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
    created: "2019-05-14T08:12:33.412+00:00",
    seed,
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
  readonly isFullAdmin?: boolean;
  /** Instead of a seeded one. */
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
  return {
    index: options.number,
    seed,
    id: webexId("PEOPLE", uuid),
    uuid,
    type: "person",
    emails,
    userName: random() < 0.7 ? primary : null,
    displayName: options.displayName ?? `${firstName} ${lastName}`,
    firstName,
    lastName,
    department,
    title: pick(titles, random),
    isFullAdmin: options.isFullAdmin ?? false,
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
    displayName: name,
    firstName: name,
    lastName: "",
    department: "",
    title: "",
    isFullAdmin: false,
    ...initialPresence(),
  };
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

function aliasOf(address: string): string {
  const [local, domain] = address.split("@");
  return `${local?.replace(".", "_") ?? ""}@mail.${domain ?? ""}`;
}
