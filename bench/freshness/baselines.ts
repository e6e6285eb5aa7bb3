import { INTERVAL_MS, type Scenario } from "./scenario.js";
import { HiddenLimit, type Outcome, ServiceModel } from "./service-model.js";

/**
 * A baseline: requests one page or watched person after another in every interval, or continuously
 * if that takes longer.
 */
export function simulateRoundRobin(
  scenario: Scenario,
  items: "pages" | "persons",
  honorsRetryAfter = true,
): Outcome {
  const { endMs, pageMs, lookupMs, rejectionMs } = scenario;
  const service = new ServiceModel(scenario, new HiddenLimit(scenario.point.limit));
  const itemCount = items === "pages" ? scenario.pages : scenario.positions.length;
  const durationMs = items === "pages" ? pageMs : lookupMs;
  let now = 0;
  while (now < endMs) {
    const startedAt = now;
    for (let item = 0; item < itemCount && now < endMs;) {
      const retryAfterMs = service.handleRequest(now + rejectionMs / 2);
      if (retryAfterMs > 0) {
        now += rejectionMs + (honorsRetryAfter ? retryAfterMs : 0);
        continue;
      }
      const readAt = now + durationMs / 2;
      const reading =
        items === "pages" ? service.readPage(item, readAt) : service.readPerson(item, readAt);
      now += durationMs;
      service.show(reading, now);
      item += 1;
    }
    now = Math.max(now, startedAt + INTERVAL_MS);
  }
  return service.outcome();
}
