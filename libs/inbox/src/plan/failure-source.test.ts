import { KIT_TYPES, WIRE } from '@convergekit/contracts/engine';
import { expect, it } from 'vitest';
import { mayReport, refuseFailure } from './failure-source.ts';
import { readRecord } from './reading.ts';
import { signaturesOf } from './signatures.ts';

const uuid = '01990000-0000-7000-8000-000000000001';
const other = '01990000-0000-7000-8000-000000000002';
const keys = {
  payments: 'the key of payments, long enough for it',
  orders: 'the key of orders, long enough for it',
};
const claimOf = (sourceName: string, source = uuid) => ({
  sourceName,
  source,
  prev: undefined,
  position: { epoch: 1, tick: 1n, id: 1n },
});
const declared = new Map([['payments', uuid]]);
const named = signaturesOf({ keys, failures: { payments: 'orders' } });

// Planted faults: the first source seen counts where signatures are on; a declared uuid counts unsigned.
it.each([
  ['a declared source without signatures', claimOf('any'), declared, undefined, true],
  ['another source than the declared one', claimOf('any', other), declared, undefined, false],
  [
    'the source that signs under the name of the consumer',
    claimOf('payments'),
    new Map(),
    signaturesOf({ keys }),
    true,
  ],
  ['a source that signs under another name', claimOf('orders'), new Map(), signaturesOf({ keys }), false],
  ['the source that is named for the consumer', claimOf('orders'), new Map(), named, true],
  ['the source of the same name where another is named', claimOf('payments'), new Map(), named, false],
  ['a declared source that signs', claimOf('orders'), declared, signaturesOf({ keys }), true],
  ['a declared uuid under a name without a key', claimOf('liar'), declared, signaturesOf({ keys }), false],
] as const)(
  'a failure event counts only from the source that the consumer trusts: %s',
  (_name, claim, failureSources, signatures, may) => {
    expect(mayReport('payments', claim, { failureSources, signatures })).toBe(may);
  },
);

/** An event of a type of the kit in the failure topic of payments, from this source. */
const reported = (type: string, name: string) =>
  readRecord({
    topic: 'payments.failures',
    partition: 0,
    offset: 0n,
    timestampMs: 0,
    key: Buffer.from('k'),
    value: Buffer.from('{}'),
    headers: Object.entries({
      [WIRE.specVersion]: '1.0',
      [WIRE.id]: 'e',
      [WIRE.type]: type,
      [WIRE.source]: name,
      [WIRE.sourceId]: uuid,
      [WIRE.position]: '1.1.1',
    }).map(([header, value]) => [header, Buffer.from(value)] as const),
  });

// Planted fault: an undone event, or one of a stuck step, is not compared. Any source with a key has the step before it compensated.
it.each([KIT_TYPES.failure, KIT_TYPES.stepUndone, KIT_TYPES.stuck])(
  'an event of type %s counts only from the source that signs for its consumer',
  (type) => {
    const trust = { failureSources: new Map<string, string>(), signatures: signaturesOf({ keys }) };
    expect(refuseFailure(reported(type, 'orders'), uuid, trust)?.error.code).toBe('FAILURE_SOURCE');
    expect(refuseFailure(reported(type, 'payments'), uuid, trust)).toBeUndefined();
  },
);
