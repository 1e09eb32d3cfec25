import type { OnlyVerify } from './promise-ids.ts';

/** Rows of docs/guarantees.md and docs/requirements.md that no test of `make test` shows, and what shows them. */
export const onlyVerify: readonly OnlyVerify[] = [
  { id: 'C7', part: 'containers' },
  { id: 'N1', part: 'quickstart' },
  { id: 'N11', part: 'browsers' },
  { id: 'G6o', part: 'browsers' },
  { id: 'S38', part: 'prometheus' },
  { id: 'S61', part: 'prometheus' },
  { id: 'N14', part: 'drills' },
  { id: 'G3i', part: 'drills' },
  { id: 'G3j', part: 'drills' },
  { id: 'S67', part: 'campaigns' },
  { id: 'S52', part: 'check' },
  { id: 'G2a', part: 'full', unless: 'pgbouncer' },
];
