import { INTERVAL_MS, LATENCY_MS, type Scene } from "./point.js";
import { Service, type Outcome } from "./service.js";

/** Each interval, or as fast as it goes, asks for one thing after another; waits as long as `Retry-After` says, unless it has no manners. */
function roundRobin(
  scene: Scene,
  things: number,
  told: (service: Service, thing: number, now: number) => void,
  manners = true,
): Outcome {
  const service = new Service(scene);
  let now = 0;
  while (now < scene.endMs) {
    const begun = now;
    for (let thing = 0; thing < things && now < scene.endMs;) {
      const arrival = now + LATENCY_MS / 2;
      const retryAfterMs = service.arrive(arrival);
      now += LATENCY_MS;
      if (retryAfterMs > 0) {
        if (manners) now += retryAfterMs;
        continue;
      }
      told(service, thing, arrival);
      thing += 1;
    }
    now = Math.max(now, begun + INTERVAL_MS);
  }
  return service.outcome();
}

export function sweepsAlone(scene: Scene): Outcome {
  return roundRobin(scene, scene.pages, (service, page, now) => service.tellPage(page, now));
}

export function lookupsAlone(scene: Scene): Outcome {
  return roundRobin(scene, scene.places.length, (service, person, now) => service.tellPerson(person, now));
}

export function sweepsWithoutManners(scene: Scene): Outcome {
  return roundRobin(scene, scene.pages, (service, page, now) => service.tellPage(page, now), false);
}
