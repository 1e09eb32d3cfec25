import type { Broker } from 'convergekit/kafka';
import {
  type Database,
  defineConsumer,
  defineEvent,
  defineSaga,
  semanticLock,
  type Service,
  starts,
  step,
} from 'convergekit';
import { consumerService, sagaObserver, sagaWatch } from 'convergekit/process';
import { createOutbox } from 'convergekit/postgres';
import { z } from 'zod';
import { bookTrip, tripAsked } from './saga.ts';

/** What a service runs that shows the state of sagas. */
export const watching = (database: Database, broker: Broker): readonly Service[] => [
  consumerService([sagaObserver({ sagas: [bookTrip.declaration] })], { database, broker }),
  sagaWatch({ database }),
];

/** The start names the version of the saga. */
export const outbox = createOutbox([starts(tripAsked, bookTrip)]);

const data = z.object({ transfer: z.string(), account: z.string() });
const event = <const Type extends string>(type: Type) =>
  defineEvent(type, { version: 1, topic: 'bank.transfers', key: ({ transfer }) => transfer, data });
export const transferAsked = event('bank.transfer.asked');
const debited = event('bank.debited');
const debitUndone = event('bank.debit-undone');
const credited = event('bank.credited');

const transfer = defineSaga('transfer', { start: transferAsked })
  .compensatable('debit', { by: 'debits', success: debited, undone: debitUndone })
  .pivot('credit', { by: 'credits', success: credited });

/** A row that a saga may still undo is marked, so that no other saga builds on it. */
const accounts = semanticLock({ table: 'account' });
export const debits = defineConsumer<{ account: { id: string } }>('debits', {
  from: 'first',
}).include(
  step(transfer.debit, {
    apply: async ({ data }, { tx, instance }) => {
      await accounts.take(tx, data.account, instance, 'queue'); // its own mark is no obstacle to a repeat
      return debited(data);
    },
    compensate: async ({ intent, instance }, { tx }) => {
      await accounts.free(tx, intent.data.account, instance); // and in the last step of the saga
      return debitUndone(intent.data);
    },
  }),
);
