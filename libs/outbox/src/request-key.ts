import { createHash } from 'node:crypto';
import type { Executor } from '@convergekit/postgres';
import { OutboxError } from './errors.ts';

/** A request that may be repeated: the same key and content get the same answer and one effect. */
export interface KeyedRequest {
  /**
   * The key that the caller repeats with the request, such as its `Idempotency-Key` header. Undefined, where the client
   * sent none, is refused with REQUEST_KEY_INVALID.
   */
  readonly requestKey: string | undefined;
  /** The content of the request, any JSON. A repeated key with other content is refused. */
  readonly request: unknown;
}

export type Claim =
  { readonly kind: 'first'; readonly xid: string } | { readonly kind: 'repeated'; readonly result: unknown };

// The statements depend on no settings, because they run in an application's transaction. The claim waits for a
// transaction that handles the same request; when that transaction has committed, the claim inserts nothing.
const claimSql = `
  insert into converge.request (key, request_hash) values ($1, $2)
  on conflict (key) do nothing
  returning pg_catalog.pg_current_xact_id()::pg_catalog.text as xid`;
// A later statement, so that read committed sees the row that the one above waited for.
const findSql = 'select request_hash, result from converge.request where key operator(pg_catalog.=) $1';
const storeSql = 'update converge.request set result = $2 where key operator(pg_catalog.=) $1';

export async function claimRequest(executor: Executor, requestKey: string, request: unknown): Promise<Claim> {
  const hash = hashOf(request);
  for (;;) {
    const { rows } = await executor.query<{ xid: string }>(claimSql, [requestKey, hash]);
    if (rows[0] !== undefined) return { kind: 'first', xid: rows[0].xid };
    const found = await executor.query<{ request_hash: string; result: string | null }>(findSql, [
      requestKey,
    ]);
    const row = found.rows[0];
    // Retention deleted the row between the two statements: claim the key again.
    if (row === undefined) continue;
    if (row.request_hash !== hash) throw reusedError(requestKey);
    return { kind: 'repeated', result: decodeResult(row.result) };
  }
}

/** Stores the result and returns what every repeat will get: the same text, parsed. */
export async function storeResult(executor: Executor, requestKey: string, result: unknown): Promise<unknown> {
  const text = encodeResult(requestKey, result);
  await executor.query(storeSql, [requestKey, text]);
  return decodeResult(text);
}

export function checkRequestKey(key: string | undefined): void {
  if (key === undefined)
    throw new OutboxError(
      'the request has no key, so a repeat could not be distinguished from a new request: its client sends one new value for each request, for example in the header Idempotency-Key.',
      { code: 'REQUEST_KEY_INVALID', category: 'data' },
    );
  if (key.length >= 1 && key.length <= 255 && key.isWellFormed() && !key.includes('\u0000')) return;
  throw new OutboxError(
    "a request key is 1 to 255 characters, for example the client's Idempotency-Key header.",
    { code: 'REQUEST_KEY_INVALID', category: 'data' },
  );
}

/** Hashes the content, independent of the order of an object's members. */
export function hashOf(request: unknown): string {
  return createHash('sha256').update(canonical(request)).digest('hex');
}

function canonical(value: unknown): string {
  const sorted = (_key: string, inner: unknown): unknown => {
    if (typeof inner === 'bigint') return `${inner}n`;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  };
  return jsonOf(value, sorted) ?? 'undefined';
}

/** Encodes JSON; `undefined` for values without JSON, which the library's type omits. */
function jsonOf(value: unknown, replace?: (key: string, value: unknown) => unknown): string | undefined {
  return JSON.stringify(value, replace);
}

function encodeResult(requestKey: string, result: unknown): string | null {
  try {
    return jsonOf(result) ?? null;
  } catch (cause) {
    throw new OutboxError(
      `the result for request key ${JSON.stringify(requestKey)} cannot be stored as JSON, so a repeat could not get it. Return plain data (a BigInt as a string).`,
      { code: 'REQUEST_RESULT_INVALID', category: 'bug', cause },
    );
  }
}

function decodeResult(text: string | null): unknown {
  return text === null ? undefined : (JSON.parse(text) as unknown);
}

function reusedError(requestKey: string): OutboxError {
  return new OutboxError(
    `request key ${JSON.stringify(requestKey)} was already used for another request. Use a new key for each new request, and the same content with the same key.`,
    { code: 'REQUEST_KEY_REUSED', category: 'data' },
  );
}

/** Keys of requests that were answered long ago. */
export const oldRequests = { table: 'converge.request', key: 'key', at: 'created_at' };
