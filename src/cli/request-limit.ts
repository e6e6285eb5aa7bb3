import type { Http } from "../ports/http.js";

/** Sends at most `max` requests at a time. The others wait, in their order. */
export function limitRequests(http: Http, max: number): Http {
  const waiting: (() => void)[] = [];
  let inFlight = 0;
  return {
    async send(request) {
      if (inFlight >= max) await new Promise<void>((resolve) => waiting.push(resolve));
      else inFlight += 1;
      try {
        return await http.send(request);
      } finally {
        // The next one takes this one's place.
        const next = waiting.shift();
        if (next === undefined) inFlight -= 1;
        else next();
      }
    },
    close: () => http.close(),
  };
}
