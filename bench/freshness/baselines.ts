import { INTERVAL_MS, LATENCY_MS, type Scenario } from "./scenario.js";
import { ServiceModel, type Outcome } from "./service-model.js";

/** Requests one item after another in every interval, or continuously if that takes longer. */
function simulateRoundRobin(
  scenario: Scenario,
  itemCount: number,
  observe: (service: ServiceModel, item: number, now: number) => void,
  honorsRetryAfter = true,
): Outcome {
  const service = new ServiceModel(scenario);
  let now = 0;
  while (now < scenario.endMs) {
    const startedAt = now;
    for (let item = 0; item < itemCount && now < scenario.endMs;) {
      const arrival = now + LATENCY_MS / 2;
      const retryAfterMs = service.handleRequest(arrival);
      now += LATENCY_MS;
      if (retryAfterMs > 0) {
        if (honorsRetryAfter) now += retryAfterMs;
        continue;
      }
      observe(service, item, arrival);
      item += 1;
    }
    now = Math.max(now, startedAt + INTERVAL_MS);
  }
  return service.outcome();
}

export function simulateSweeps(scenario: Scenario): Outcome {
  return simulateRoundRobin(scenario, scenario.pages, (service, page, now) =>
    service.observePage(page, now),
  );
}

export function simulateLookups(scenario: Scenario): Outcome {
  return simulateRoundRobin(scenario, scenario.positions.length, (service, person, now) =>
    service.observePerson(person, now),
  );
}

export function simulateSweepsIgnoringRetryAfter(scenario: Scenario): Outcome {
  return simulateRoundRobin(
    scenario,
    scenario.pages,
    (service, page, now) => service.observePage(page, now),
    false,
  );
}
