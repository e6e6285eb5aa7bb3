import {
  createOrganization,
  createPerson,
  type OrganizationOptions,
  type SimulatedOrganization,
  type SimulatedPerson,
} from "./people-factory.js";
import type { PresenceEngine } from "./presence-engine.js";

interface Place {
  readonly organization: SimulatedOrganization;
  readonly person: SimulatedPerson;
}

/** All organizations and their people. Persons are found by e-mail address or id; a RangeError says who or what is not there. */
export class Population {
  readonly organizations: readonly SimulatedOrganization[];
  readonly #presence: PresenceEngine;

  constructor(organizations: readonly OrganizationOptions[], presence: PresenceEngine) {
    this.organizations = organizations.map((organization, index) => createOrganization(organization, index));
    this.#presence = presence;
  }

  organization(index: number): SimulatedOrganization {
    const organization = this.organizations[index];
    if (!organization) throw new RangeError(`There is no organization ${index}.`);
    return organization;
  }

  person(key: string, orgIndex?: number): SimulatedPerson | null {
    const place = this.#find(key, orgIndex);
    if (!place) return null;
    this.#presence.refresh(place.organization, [place.person]);
    return place.person;
  }

  people(orgIndex: number): SimulatedPerson[] {
    const organization = this.organization(orgIndex);
    this.#presence.refresh(organization, organization.people);
    return organization.people.filter((person) => person.type === "person");
  }

  setStatus(key: string, status: string | null, orgIndex?: number): void {
    this.#presence.pin(this.#known(key, orgIndex).person, status);
  }

  release(key: string, orgIndex?: number): void {
    this.#presence.release(this.#known(key, orgIndex).person);
  }

  add(orgIndex: number, options: { email?: string; displayName?: string; status?: string | null }): SimulatedPerson {
    const organization = this.organization(orgIndex);
    const number = organization.people.reduce((highest, person) => Math.max(highest, person.index), 0) + 1;
    const { status, ...named } = options;
    const taken = new Set(organization.byEmail.keys());
    const person = createPerson({ seed: organization.seed, number, domain: organization.domain, taken, ...named });
    organization.people.push(person);
    organization.byId.set(person.id, person);
    for (const email of person.emails) organization.byEmail.set(email.toLowerCase(), person);
    if (status !== undefined) this.#presence.pin(person, status);
    return person;
  }

  remove(key: string, orgIndex?: number): void {
    const { organization, person } = this.#known(key, orgIndex);
    organization.people.splice(organization.people.indexOf(person), 1);
    organization.byId.delete(person.id);
    for (const email of person.emails) organization.byEmail.delete(email.toLowerCase());
  }

  #find(key: string, orgIndex?: number): Place | null {
    const where = orgIndex === undefined ? this.organizations : [this.organization(orgIndex)];
    for (const organization of where) {
      const person = organization.byEmail.get(key.toLowerCase()) ?? organization.byId.get(key);
      if (person) return { organization, person };
    }
    return null;
  }

  #known(key: string, orgIndex?: number): Place {
    const place = this.#find(key, orgIndex);
    if (!place) throw new RangeError(`There is no person ${key}.`);
    return place;
  }
}
