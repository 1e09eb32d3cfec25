import { decided, ended, fence, inRun, json, parked, PERSON, type Row, work } from './erase-rows.ts';

/** Rows from which something follows, and ended rows of runs that are open: none of them may change. */
export const openRows: readonly (readonly [table: string, row: Row])[] = [
  ['inbox_consumer', { name: 'mail' }],
  ['parked_key', { consumer: 'mail', topic: 'orders', key: 'k7', partition: 0, state: 'waiting', tail: 1 }],
  ['parked', parked(7, 'waiting')],
  ['saga_work', work(3, { state: 'ready' })],
  // One run is open by its fence, one by a call, one by its observer.
  ['saga_fence', fence('open-fence', 'started')],
  ['saga_fence', fence('open-call', 'applied')],
  ['saga_work', work(5, { ...inRun, instance: 'open-call', state: 'ready' })],
  ['saga_fence', fence('open-run', 'applied')],
  [
    'saga_instance',
    {
      saga: 'order',
      instance: 'open-run',
      version: 1,
      key: PERSON,
      state: 'running',
      facts: json,
      first_at: ended,
    },
  ],
  // Of others the end is not known here: a step took effect today, one awaits its group, and of one only the start was seen.
  ['saga_fence', { ...fence('open-today', 'applied'), journal: [decided(new Date())] }],
  ['saga_fence', { ...fence('open-join', 'applied'), journal: [decided(ended)] }],
  [
    'saga_join',
    {
      saga: 'order',
      instance: 'open-join',
      step: 'ship',
      waits_for: 'begin',
      awaits: '{pay,pack}',
      members: JSON.stringify({ pay: json }),
    },
  ],
  ['saga_start', { saga: 'order', instance: 'open-start', version: 1, key: PERSON }],
  ['workflow', { workflow: 'signup', id: 'open', input: json }],
  [
    'reconcile_key',
    {
      reconciler: 'orders',
      key: 'k',
      state: 'queued',
      priority: 0,
      next_at: ended,
      cause: 'c',
      reason: `unknown customer ${PERSON}`,
    },
  ],
];
