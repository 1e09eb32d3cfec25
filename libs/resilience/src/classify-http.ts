import { fieldsOf } from '@convergekit/core/engine';
import type { Verdict } from './verdict.ts';

type Entry = Omit<Verdict, 'code'>;

const data: Entry = { category: 'data', certainty: 'not_applied' };
const setting: Entry = { category: 'configuration', certainty: 'not_applied', structural: true };
const down: Entry = { category: 'service', certainty: 'unknown' };

const STATUSES: ReadonlyMap<number, Entry> = new Map<number, Entry>([
  [400, data],
  [401, setting],
  [402, { category: 'business', certainty: 'not_applied' }],
  [403, setting],
  [404, data], // stale reference: refetch the current state
  [405, setting],
  [406, setting],
  [407, setting],
  [408, { category: 'network', certainty: 'not_applied' }], // the server never received the whole request
  [409, data], // a conflict with the current state
  [410, data],
  [411, setting],
  [412, data],
  [413, data],
  [414, data],
  [415, setting],
  [421, { category: 'network', certainty: 'not_applied' }], // another connection may help
  [422, data],
  [423, { category: 'contention', certainty: 'not_applied' }],
  [425, { category: 'service', certainty: 'not_applied' }], // too early
  [426, setting],
  [428, { category: 'bug', certainty: 'not_applied' }], // our request lacks the precondition
  [429, { category: 'throttle', certainty: 'not_applied' }],
  [431, data],
  [451, { category: 'business', certainty: 'not_applied' }],
  [500, down],
  [501, { ...setting, certainty: 'not_applied' }],
  [502, down],
  [503, down], // a proxy may send 503 after it forwarded the request
  [504, down],
  [505, setting],
  [507, down],
  [508, { ...down, structural: true }],
  [511, setting],
]);

/** Classifies errors of HTTP clients by a numeric `status` or `statusCode`, on the error or its `response`. */
export function httpRule(error: unknown): Verdict | undefined {
  const fields = fieldsOf(error);
  const response = fieldsOf(fields['response']);
  const status = [fields['status'], fields['statusCode'], response['status'], response['statusCode']].find(
    isStatus,
  );
  if (status === undefined) return undefined;
  const entry = STATUSES.get(status) ?? statusClass(status);
  const wait = retryAfter(fields['headers'] ?? response['headers']);
  return { ...entry, code: `HTTP_${status}`, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
}

function isStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 300 && value <= 599;
}

/** Classifies an unknown status like the first of its class (RFC 9110 §15). */
function statusClass(status: number): Entry {
  if (status < 400) return setting; // a redirect that the client did not follow
  return status < 500 ? data : down;
}

/**
 * Parses `Retry-After` to milliseconds from now: seconds or an HTTP date (RFC 9110 §10.2.3).
 * A date is compared with the response's own `Date`, so that a wrong local clock does not matter. Without a `Date` there
 * is no result.
 */
function retryAfter(headers: unknown): number | undefined {
  const text = header(headers, 'retry-after')?.trim();
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Date.parse accepts almost anything ("-1" is a year): an HTTP date starts with a weekday.
  if (!/^[A-Z][a-z]{2,8}, /.test(text)) return undefined;
  const wait = Date.parse(text) - Date.parse(header(headers, 'date') ?? '');
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

function header(headers: unknown, name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(fieldsOf(headers)).find(([key]) => key.toLowerCase() === name)?.[1];
  const first: unknown = Array.isArray(found) ? found[0] : found;
  return typeof first === 'string' || typeof first === 'number' ? String(first) : undefined;
}
