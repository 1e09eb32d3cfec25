import type { Finding } from './findings.ts';

/** Pure. */
export function checkPooler(pooled: boolean): Finding {
  return {
    check: 'pooler',
    verdict: 'ok',
    text: pooled
      ? 'a pooler is in between; the kit keeps nothing in sessions, so transaction mode is fine'
      : 'none: connected to the server itself',
  };
}
