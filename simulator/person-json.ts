import { TIMEZONES } from "./names.js";
import { webexId, type SimulatedOrganization, type SimulatedPerson } from "./people-factory.js";
import { pick, seededRandom, seededUuid } from "./random.js";

const FULL_ADMIN_ROLE = webexId("ROLE", "id_full_admin");

export interface PersonJsonOptions {
  /** The list by `id=` never tells presence, and `excludeStatus` asks for none. */
  readonly withStatus: boolean;
  /** The administrator's own sharing is off: nobody's presence is told. */
  readonly sharingOff: boolean;
  readonly roleLost: boolean;
  /** Told instead of the status of each tenth person, or "". */
  readonly strangeStatus: string;
  /** `"true"` where others say `true`, as the specification has it. */
  readonly booleansAsStrings: boolean;
}

/** A person as Webex answers, in about 1.2 KB. What never changes is made once a person. */
export function personJson(
  person: SimulatedPerson,
  organization: SimulatedOrganization,
  options: PersonJsonOptions,
): string {
  const isCacheable = !options.booleansAsStrings && !(options.roleLost && person.isFullAdmin);
  const fixedMembers = isCacheable
    ? (person.json ??= fixedMembersJson(person, organization, options))
    : fixedMembersJson(person, organization, options);
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

/** The SIP addresses that Webex gives a person: personal room, enterprise and cloud calling. */
export function sipAddressesOf(
  person: SimulatedPerson,
  organization: SimulatedOrganization,
): { type: string; value: string; primary: boolean }[] {
  if (person.type !== "person") return [];
  const local = (person.userName ?? [...person.emails].sort()[0] ?? "").split("@")[0] ?? "";
  return [
    { type: "personal-room", value: `${local}@${organization.slug}.webex.com`, primary: false },
    { type: "enterprise", value: `${local}@${organization.slug}.rooms.webex.com`, primary: true },
    {
      type: "cloud-calling",
      value: `${local}@${organization.slug}.calls.webex.com`,
      primary: true,
    },
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
  const licence = (): string => webexId("LICENSE", `${organization.uuid}:MS_${seededUuid(random)}`);
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
    nickName: person.firstName,
    firstName: person.firstName,
    lastName: person.lastName,
    avatar: `https://avatar-prod-us-east-2.webexcontent.com/Avtr~V1~${organization.uuid}/V1~${seededUuid(random)}~1600`,
    orgId: organization.id,
    roles: person.isFullAdmin && !options.roleLost ? [FULL_ADMIN_ROLE] : [],
    licenses: isPerson ? [licence(), licence()] : [],
    ...(isPerson ? { department: person.department, title: person.title } : {}),
    created,
    lastModified: new Date(Date.parse(created) + Math.floor(random() * 4e10)).toISOString(),
    timezone: pick(TIMEZONES, random),
    siteUrls: isPerson ? [`${organization.slug}.webex.com`] : [],
    invitePending: booleanValue(false),
    loginEnabled: booleanValue(true),
    type: person.type,
  };
  return JSON.stringify(body).slice(0, -1);
}
