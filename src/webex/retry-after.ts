const MAX_DELAY_MS = 3_600_000;
const DAY_NAME = /^(mon|tue|wed|thu|fri|sat|sun)/i;
const UNEXPANDED_TEMPLATE = /^rand\((\d{1,9})\)\s*,\s*add\((\d{1,9})\)$/;

/**
 * Milliseconds that a `Retry-After` header (RFC 9110 10.2.3) asks to wait, at most one hour: seconds, an HTTP date in any of its
 * three forms (against `nowMs`, milliseconds since the epoch), or Webex's unexpanded template `rand(30),add(30)`, of which the
 * longest wait is taken. Undefined where it names none: missing, `0`, a time gone by, anything else. The caller then waits as it sees fit.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const delayMs = requestedDelayMs(header?.trim() ?? "", nowMs);
  return delayMs > 0 ? Math.min(Math.ceil(delayMs), MAX_DELAY_MS) : undefined;
}

function requestedDelayMs(text: string, nowMs: number): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const template = UNEXPANDED_TEMPLATE.exec(text);
  if (template !== null) return (Number(template[1]) + Number(template[2])) * 1000;
  if (!DAY_NAME.test(text)) return 0;
  // The asctime form names no zone and means UTC all the same.
  const date = Date.parse(/(GMT|UTC)$/i.test(text) ? text : `${text} GMT`);
  return Number.isNaN(date) ? 0 : date - nowMs;
}
