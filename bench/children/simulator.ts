// The simulated Webex of a bench. Sends its address and a grant to the parent, advances time by the
// milliseconds of each message, and exits with the parent.
import { WebexSimulator } from "../../simulator/webex-simulator.js";
import type { SimulatedServiceInfo } from "../simulated-service.js";

const ADDRESSES = 1_000;
const [persons = "100", speed = "0"] = process.argv.slice(2);
let offsetMs = 0;
const webex = new WebexSimulator({
  now: () => Date.now() + offsetMs,
  organizations: [{ name: "Example Ltd", persons: Number(persons), seed: 7 }],
  speed: Number(speed),
});
await webex.start();
const { refreshToken, accessToken, expiresIn, scope } = webex.issueGrant();
const addresses = webex
  .people()
  .slice(0, ADDRESSES)
  .map(({ emails }) => emails[0] ?? "");
const info: SimulatedServiceInfo = {
  apiUrl: webex.apiUrl,
  client: webex.client,
  grant: { refreshToken, accessToken, expiresIn, scope },
  addresses,
};
process.send?.(info);
let statuses = webex.people().map(({ status }) => status);
process.on("message", (ms) => {
  offsetMs += Number(ms);
  const before = statuses;
  statuses = webex.people().map(({ status }) => status);
  process.send?.(statuses.filter((status, index) => status !== before[index]).length);
});
process.on("disconnect", () => process.exit(0));
