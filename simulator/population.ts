import {
  createOrganization,
  createPerson,
  locationFor,
  type OrganizationOptions,
  type SimulatedOrganization,
  type SimulatedPerson,
} from "./people-factory.js";
import { PresenceWalk, type OfficeClock } from "./presence-walk.js";

const AWAY_AFTER_MS = 10 * 60_000;
const MAX_ACTIVITY_AGE_MS = 12 * 3_600_000;

interface FoundPerson {
  readonly organization: SimulatedOrganization;
  readonly person: SimulatedPerson;
}

/**
 * All organizations, their people, and their people's presence. `key` is a person's e-mail address
 * or id. Methods throw a RangeError if an organization or a person does not exist.
 *
 * Presence is computed on demand and without timers, so that 100,000 persons cost nothing until
 * they are read.
 */
export class Population {
  readonly organizations: readonly SimulatedOrganization[];
  readonly #walks: readonly PresenceWalk[];
  readonly #clock: OfficeClock;
  readonly #realNow: () => number;

  constructor(
    organizations: readonly OrganizationOptions[],
    options: { readonly clock: OfficeClock; readonly realNow: () => number },
  ) {
    this.organizations = organizations.map(createOrganization);
    this.#walks = this.organizations.map(({ seed }) => new PresenceWalk({ seed }));
    this.#clock = options.clock;
    this.#realNow = options.realNow;
  }

  organization(index: number): SimulatedOrganization {
    const organization = this.organizations[index];
    if (!organization) throw new RangeError(`There is no organization ${index}.`);
    return organization;
  }

  /** A person with current presence, or null. Without `orgIndex`, searches all organizations. */
  person(key: string, orgIndex?: number): SimulatedPerson | null {
    const found = this.#find(key, orgIndex);
    if (!found) return null;
    this.refresh(found.organization, [found.person]);
    return found.person;
  }

  /** The persons of an organization without its bots, in list order, with current presence. */
  people(orgIndex: number): SimulatedPerson[] {
    const organization = this.organization(orgIndex);
    this.refresh(organization, organization.people);
    return organization.people.filter((person) => person.type === "person");
  }

  /** Updates the presence of persons to the current time. */
  refresh(organization: SimulatedOrganization, people: readonly SimulatedPerson[]): void {
    const now = this.#clock.now();
    for (const person of people) {
      const isDue = now >= person.nextChangeAt && !person.pinned && person.type === "person";
      if (isDue) this.#advance(organization, person, now);
    }
  }

  /** Fixes a person's status (null: Webex sends none) until `release`. */
  setStatus(key: string, status: string | null, orgIndex?: number): void {
    this.#pin(this.#require(key, orgIndex).person, status);
  }

  release(key: string, orgIndex?: number): void {
    const { person } = this.#require(key, orgIndex);
    person.pinned = false;
    person.nextChangeAt = -Infinity;
  }

  add(
    orgIndex: number,
    options: { email?: string; displayName?: string; status?: string | null },
  ): SimulatedPerson {
    const organization = this.organization(orgIndex);
    const highest = organization.people.reduce((max, { index }) => Math.max(max, index), 0);
    const { status, ...identity } = options;
    const person = createPerson({
      seed: organization.seed,
      number: highest + 1,
      domain: organization.domain,
      usedAddresses: new Set(organization.byEmail.keys()),
      locations: organization.locations,
      ...identity,
    });
    requireFree(organization, person.emails, person);
    insert(organization, person);
    if (status !== undefined) this.#pin(person, status);
    return person;
  }

  remove(key: string, orgIndex?: number): void {
    const { organization, person } = this.#require(key, orgIndex);
    extract(organization, person);
  }

  /** Replaces a person's addresses. The first is the user name of a person who has one. */
  changeEmails(key: string, emails: readonly string[], orgIndex?: number): void {
    const { organization, person } = this.#require(key, orgIndex);
    const [primary] = emails;
    if (primary === undefined) throw new RangeError("A person has at least one address.");
    requireFree(organization, emails, person);
    for (const email of person.emails) organization.byEmail.delete(email.toLowerCase());
    for (const email of emails) organization.byEmail.set(email.toLowerCase(), person);
    person.emails = emails;
    if (person.userName !== null) person.userName = primary;
    person.json = null;
  }

  /** Moves a person, with their id and addresses, to the end of another organization's list. */
  move(key: string, toOrgIndex: number, orgIndex?: number): void {
    const { organization, person } = this.#require(key, orgIndex);
    const target = this.organization(toOrgIndex);
    if (target === organization) return;
    requireFree(target, person.emails, person);
    extract(organization, person);
    person.locationId = locationFor(person.seed, target.locations);
    person.json = null;
    insert(target, person);
  }

  /** The organization of a person; null if there is no such person. */
  organizationOf(key: string): SimulatedOrganization | null {
    return this.#find(key)?.organization ?? null;
  }

  #pin(person: SimulatedPerson, status: string | null): void {
    person.pinned = true;
    person.status = status;
    person.lastActivity = this.#realNow();
  }

  #advance(organization: SimulatedOrganization, person: SimulatedPerson, now: number): void {
    const walk = this.#walks[organization.index];
    if (!walk) throw new Error(`Organization ${organization.index} has no presence walk.`);
    const segment = walk.segmentAt(person.index, now);
    person.status = segment.status;
    person.nextChangeAt = segment.until;
    if (walk.isWithoutActivity(person.index)) {
      person.lastActivity = null;
      return;
    }
    const realMs = (now - segment.since) / (this.#clock.speed || 1);
    const awayMs = segment.status === "inactive" ? AWAY_AFTER_MS : 0;
    person.lastActivity =
      this.#realNow() - Math.floor(Math.min(MAX_ACTIVITY_AGE_MS, realMs)) - awayMs;
  }

  #find(key: string, orgIndex?: number): FoundPerson | null {
    const searched = orgIndex === undefined ? this.organizations : [this.organization(orgIndex)];
    for (const organization of searched) {
      const person = organization.byEmail.get(key.toLowerCase()) ?? organization.byId.get(key);
      if (person) return { organization, person };
    }
    return null;
  }

  #require(key: string, orgIndex?: number): FoundPerson {
    const found = this.#find(key, orgIndex);
    if (!found) throw new RangeError(`There is no person ${key}.`);
    return found;
  }
}

function insert(organization: SimulatedOrganization, person: SimulatedPerson): void {
  organization.people.push(person);
  organization.byId.set(person.id, person);
  for (const email of person.emails) organization.byEmail.set(email.toLowerCase(), person);
}

function extract(organization: SimulatedOrganization, person: SimulatedPerson): void {
  organization.people.splice(organization.people.indexOf(person), 1);
  organization.byId.delete(person.id);
  for (const email of person.emails) organization.byEmail.delete(email.toLowerCase());
}

/** Throws a RangeError if another person of the organization has one of the addresses. */
function requireFree(
  organization: SimulatedOrganization,
  emails: readonly string[],
  owner: SimulatedPerson,
): void {
  const taken = emails.find((email) => {
    const holder = organization.byEmail.get(email.toLowerCase());
    return holder !== undefined && holder !== owner;
  });
  if (taken !== undefined) throw new RangeError(`Another person has the address ${taken}.`);
}
