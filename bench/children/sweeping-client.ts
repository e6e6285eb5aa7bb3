// A baseline of the bench `decision`: a client that requests page after page of 1,000, one at a
// time, as fast as Retry-After allows. Answers what it last read of persons.
import type { Observation, SweepAnswer, SweepQuestion } from "../decision/sweep-contender.js";
import { sleep } from "../worker-process.js";

const PAGE_SIZE = 1_000;

const [apiUrl = "", accessToken = ""] = process.argv.slice(2);
const observations = new Map<string, Observation>();

process.on("message", ({ id, addresses }: SweepQuestion) => {
  const answer: SweepAnswer = {
    id,
    observations: addresses.map((address) => observations.get(address) ?? null),
  };
  process.send?.(answer);
});
process.on("disconnect", () => process.exit(0));

const firstPage = `${apiUrl}/people?max=${PAGE_SIZE}`;
for (let url = firstPage; ;) {
  // Without keep-alive, so that no connection closes just when it is used again.
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${accessToken}`, connection: "close" },
  });
  if (response.status === 429) {
    await response.body?.cancel();
    await sleep(Number(response.headers.get("retry-after") ?? "5") * 1_000);
    continue;
  }
  const { items } = (await response.json()) as {
    items: readonly { readonly emails: readonly string[]; readonly status?: string }[];
  };
  const observedAt = Date.now();
  for (const { emails, status } of items) {
    const observation = { status: status ?? null, observedAt };
    for (const email of emails) observations.set(email, observation);
  }
  url = /<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1] ?? firstPage;
}
