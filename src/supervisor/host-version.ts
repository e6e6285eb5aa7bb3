/** UCX versions read `YYYY.Season.N`; Winter is the first season of its year (the product's manual). */
const SEASONS = ["winter", "spring", "summer", "autumn"];

export const OLDEST_HOST = "2021.Summer.3";
export const OLDEST_CONSOLE = "2021.Summer.2";

/** Negative, zero or positive as `a` is older than, the same as or newer than `b`; null where one of them cannot be read. */
export function compareVersions(a: string, b: string): number | null {
  const left = parse(a);
  const right = parse(b);
  if (left === null || right === null) return null;
  return left.year - right.year || left.season - right.season || left.release - right.release;
}

function parse(text: string): { year: number; season: number; release: number } | null {
  const found = /^\s*(\d{4})\.([a-z]+)\.(\d{1,6})(?:[.\-+ ].*)?$/i.exec(text);
  if (found === null) return null;
  const season = SEASONS.indexOf((found[2] ?? "").toLowerCase());
  if (season < 0) return null;
  return { year: Number(found[1]), season, release: Number(found[3]) };
}
