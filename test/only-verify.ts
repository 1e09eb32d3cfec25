import type { OnlyVerify } from './promise-ids.ts';

/** Rows of docs/guarantees.md and docs/requirements.md that no test of `make test` shows, and what shows them. */
export const onlyVerify: readonly OnlyVerify[] = [
  { id: 'N1', part: 'quickstart' },
  { id: 'N11', part: 'browsers' },
  { id: 'G6o', part: 'browsers' },
  { id: 'S38', part: 'campaigns' },
  { id: 'S67', part: 'scenarios' },
  { id: 'S14', part: 'drills' },
  { id: 'S61', part: 'prometheus' },
  { id: 'N14', part: 'cluster-switch' },
  { id: 'G3j', part: 'cluster-switch' },
  { id: 'G2a', tool: 'pgbouncer' },
  { id: 'N12', tool: 'promtool' },
];
