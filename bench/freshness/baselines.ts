import { INTERVAL_MS, LATENCY_MS, type Scenario } from "./scenario.js";
import { ServiceModel, type Outcome } from "./service-model.js";

/** Each interval, or as fast as it goes, asks for one thing after another; waits as long as `Retry-After` says, unless it has no manners. */
function simulateRoundRobin(
  scene: Scenario,
  itemCount: number,
  observe: (service: ServiceModel, item: number, now: number) => void,
  honorsRetryAfter = true,
): Outcome {
  const service = new ServiceModel(scene);
  let now = 0;
  while (now < scene.endMs) {
    const startedAt = now;
    for (let item = 0; item < itemCount && now < scene.endMs;) {
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

export function simulateSweeps(scene: Scenario): Outcome {
  return simulateRoundRobin(scene, scene.pages, (service, page, now) =>
    service.observePage(page, now),
  );
}

export function simulateLookups(scene: Scenario): Outcome {
  return simulateRoundRobin(scene, scene.positions.length, (service, person, now) =>
    service.observePerson(person, now),
  );
}

export function simulateSweepsIgnoringRetryAfter(scene: Scenario): Outcome {
  return simulateRoundRobin(
    scene,
    scene.pages,
    (service, page, now) => service.observePage(page, now),
    false,
  );
}
