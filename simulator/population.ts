import {
  createOrganization,
  createPerson,
  type OrganizationOptions,
  type SimulatedOrganization,
  type SimulatedPerson,
} from "./people-factory.js";
import type { PresenceEngine } from "./presence-engine.js";

interface FoundPerson {
  readonly organization: SimulatedOrganization;
  readonly person: SimulatedPerson;
}

/** All organizations and their people. Persons are found by e-mail address or id; a RangeError says who or what is not there. */
export class Population {
  readonly organizations: readonly SimulatedOrganization[];
  readonly #presence: PresenceEngine;

  constructor(organizations: readonly OrganizationOptions[], presence: PresenceEngine) {
    this.organizations = organizations.map((organization, index) =>
      createOrganization(organization, index),
    );
    this.#presence = presence;
  }

  organization(index: number): SimulatedOrganization {
    const organization = this.organizations[index];
    if (!organization) throw new RangeError(`There is no organization ${index}.`);
    return organization;
  }

  person(key: string, orgIndex?: number): SimulatedPerson | null {
    const found = this.#find(key, orgIndex);
    if (!found) return null;
    this.#presence.refresh(found.organization, [found.person]);
    return found.person;
  }

  people(orgIndex: number): SimulatedPerson[] {
    const organization = this.organization(orgIndex);
    this.#presence.refresh(organization, organization.people);
    return organization.people.filter((person) => person.type === "person");
  }

  setStatus(key: string, status: string | null, orgIndex?: number): void {
    this.#presence.pin(this.#require(key, orgIndex).person, status);
  }

  release(key: string, orgIndex?: number): void {
    this.#presence.release(this.#require(key, orgIndex).person);
  }

  add(
    orgIndex: number,
    options: { email?: string; displayName?: string; status?: string | null },
  ): SimulatedPerson {
    const organization = this.organization(orgIndex);
    const number =
      organization.people.reduce((highest, person) => Math.max(highest, person.index), 0) + 1;
    const { status, ...identity } = options;
    const usedAddresses = new Set(organization.byEmail.keys());
    const person = createPerson({
      seed: organization.seed,
      number,
      domain: organization.domain,
      usedAddresses,
      ...identity,
    });
    organization.people.push(person);
    organization.byId.set(person.id, person);
    for (const email of person.emails) organization.byEmail.set(email.toLowerCase(), person);
    if (status !== undefined) this.#presence.pin(person, status);
    return person;
  }

  remove(key: string, orgIndex?: number): void {
    const { organization, person } = this.#require(key, orgIndex);
    organization.people.splice(organization.people.indexOf(person), 1);
    organization.byId.delete(person.id);
    for (const email of person.emails) organization.byEmail.delete(email.toLowerCase());
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
