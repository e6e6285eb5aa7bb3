const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Returns the UUID inside the id of an organization, or null if the id has another form. An id is
 * the Base64 of `ciscospark://us/ORGANIZATION/<uuid>`, padded or not, where `us` is the
 * organization's region. Some services send the UUID itself.
 */
export function organizationUuid(orgId: string): string | null {
  if (UUID.test(orgId)) return orgId;
  try {
    const text = atob(orgId.replaceAll("-", "+").replaceAll("_", "/"));
    return /^ciscospark:\/\/[^/]+\/ORGANIZATION\/([0-9a-zA-Z-]+)$/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}

/**
 * Returns whether a person whose `orgId` is `personOrgId` belongs to an organization. A person
 * without an `orgId` belongs to the organization that was asked, and so does everybody if the id
 * of that organization has a form that cannot be compared.
 */
export function isMember(personOrgId: string | null, orgId: string): boolean {
  if (personOrgId === null || personOrgId === orgId) return true;
  const uuid = organizationUuid(orgId);
  const personUuid = organizationUuid(personOrgId);
  if (uuid !== null) return uuid.toLowerCase() === personUuid?.toLowerCase();
  return personUuid !== null || withoutPadding(personOrgId) === withoutPadding(orgId);
}

function withoutPadding(id: string): string {
  // Not by a regular expression, which would take quadratic time.
  let end = id.length;
  while (id.charAt(end - 1) === "=") end -= 1;
  return id.slice(0, end);
}
