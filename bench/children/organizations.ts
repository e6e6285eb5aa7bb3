// A simulated Webex with several organizations, one for each contender of the bench `decision`,
// with Webex's latency and a limit for each organization. Sends their addresses and grants to the
// parent, and exits with it.
import { WEBEX_LATENCY } from "../../simulator/knobs.js";
import { mixSeeds, seededRandom } from "../../simulator/random.js";
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import type { OrganizationInfo, ServiceInfo, ServiceOptions } from "../decision/service.js";

/** The same for all organizations, so that the same persons are in the same state everywhere. */
const SEED = 7;

const { limit, persons, names, watched, others } = JSON.parse(
  process.argv[2] ?? "{}",
) as ServiceOptions;
const webex = new WebexSimulator({
  organizations: names.map((name) => ({ name, persons, seed: SEED })),
  requestsPerMinute: limit,
  ...WEBEX_LATENCY,
  // Compression would take most of the processor time of the bench, and is not what it measures.
  compression: "none",
});
await webex.start();

const organizations: OrganizationInfo[] = webex.organizations.map(({ index }) => {
  const addresses = webex.people(index).map(({ emails }) => emails[0] ?? "");
  const shuffled = shuffle(addresses);
  const { orgId, refreshToken, accessToken, expiresIn, scope } = webex.issueGrant({
    orgIndex: index,
  });
  return {
    orgId,
    grant: { refreshToken, accessToken, expiresIn, scope },
    watched: shuffled.slice(0, watched),
    others: shuffled.slice(watched, watched + others),
  };
});
const info: ServiceInfo = {
  url: webex.url,
  apiUrl: webex.apiUrl,
  client: webex.client,
  organizations,
};
process.send?.(info);
process.on("disconnect", () => process.exit(0));

/** Fisher-Yates, in the same order for lists of the same length. */
function shuffle(items: readonly string[]): string[] {
  const random = seededRandom(mixSeeds(SEED, items.length));
  const shuffled = [...items];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [shuffled[last], shuffled[other]] = [shuffled[other] ?? "", shuffled[last] ?? ""];
  }
  return shuffled;
}
