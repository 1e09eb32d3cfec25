import { type Envelope, failureEvent, KIT_TYPES } from '@convergekit/contracts/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import { type CallContext, Gathered, type Subscription } from '@convergekit/inbox/engine';
import type { ConsumerDefinition } from '@convergekit/inbox';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { createOutbox } from '@convergekit/outbox';
import { executorOf } from '@convergekit/postgres';
import { asksForRerun, guardOf, kyselyTransaction } from '@convergekit/postgres/engine';
import { dispositionOf } from '@convergekit/resilience/engine';
import { classify } from '@convergekit/resilience';
import { logger } from '@convergekit/telemetry';
import type { Kysely, Transaction } from 'kysely';
import {
  attemptOf,
  causeOf,
  type DeadLetter,
  Emitted,
  failureEventId,
  failureEventOf,
  parkedId,
  readRecord,
  router,
  type SliceContext,
} from '@convergekit/inbox/testing';
import { isCrash } from './commit-barrier.ts';
import { inHandler } from './faulty.ts';
import type { Attempted, Fault } from './types.ts';

const outbox = createOutbox([]);
const log = logger('trial');

/** `later`: its key waits · `dead`: it was given up, with a failure event · `resolved`: its handler dealt with that */
export type Handed = 'done' | 'later' | 'dead' | 'resolved';

/** Returns the fault of an attempt. The step is undefined for every event but those that begin one. */
export type NextFault = (
  of: Pick<Attempted, 'op'> & { readonly step: string | undefined },
) => Fault | undefined;

interface Routed<DB> {
  readonly event: ReceivedEvent;
  readonly subscription: Subscription<DB>;
  readonly envelope: Envelope;
}

/** Routes a record for a consumer; undefined when it is not for that consumer. */
export function routeTo<DB>(
  consumer: ConsumerDefinition<DB>,
  record: IncomingRecord,
): Routed<DB> | undefined {
  const { content } = readRecord(record);
  if (content.kind !== 'envelope') throw new TypeError(`${content.kind} record`);
  const routed = router(consumer)(content.envelope);
  return routed.kind === 'handle' ? { ...routed, envelope: content.envelope } : undefined;
}

/**
 * Delivers one event to one consumer, as a slice does, without the inbox's protections. No watermark drops a repeat, no
 * partition orders anything. Only the fence prevents a second effect.
 */
export async function deliver<DB>(
  db: Kysely<DB>,
  consumer: ConsumerDefinition<DB>,
  record: IncomingRecord,
  nextFault: NextFault,
): Promise<Handed> {
  const routed = routeTo(consumer, record);
  if (routed === undefined) throw new TypeError(`${consumer.name} does not take it`);
  const { event, subscription } = routed;
  const { handler } = subscription;
  const begins = subscription.memberOf?.(event);
  const fault = nextFault({ op: begins === undefined ? 'compensate' : 'apply', step: begins?.step });
  try {
    await inSlice(db, consumer.name, async (tx, emitted) => {
      const gathered = new Gathered(tx);
      await inHandler(fault, async () => {
        await subscription.call([event], {
          ...contextOf(consumer.name, handler, tx),
          emit: emitFor(handler, emitted),
          gathered,
        });
        await gathered.send();
      });
    });
    return 'done';
  } catch (error) {
    if (isCrash(error) || asksForRerun(error)) throw error;
    return giveUp(db, consumer, record, routed, error);
  }
}

async function giveUp<DB>(
  db: Kysely<DB>,
  consumer: ConsumerDefinition<DB>,
  record: IncomingRecord,
  { event, subscription, envelope }: Routed<DB>,
  error: unknown,
): Promise<Handed> {
  const failure = classify(error);
  const as = dispositionOf(failure);
  if (as === 'stop') throw error;
  const { handler, onGiveUp } = subscription;
  const next = { kind: as === 'park' ? 'park' : 'dead' } as const;
  const attempt = attemptOf(failure, { number: 1, startedMs: Date.now(), durationMs: 0, next });
  const letter: DeadLetter = {
    id: parkedId(record, consumer.name, null),
    consumer: consumer.name,
    topicId: null,
    record,
    envelope,
    handler,
    phase: event.type === KIT_TYPES.failure ? 'failure' : 'apply',
    run: 0,
    failure,
    attempts: [attempt],
    saga: subscription.memberOf?.(event),
  };
  return inSlice(db, consumer.name, async (tx, emitted) => {
    const { kind } = (await onGiveUp?.(
      event,
      { as, failure, attempts: [attempt] },
      {
        ...contextOf(consumer.name, handler, tx),
        failureEventId: failureEventId(letter),
        attemptId: causeOf(letter),
        emit: emitFor(handler, emitted),
      },
    )) ?? { kind: 'ordinary' };
    if (kind === 'resolved') return 'resolved';
    if (as === 'park') return 'later';
    const context = { failureEvent: failureEvent(consumer.name) } as SliceContext<DB>;
    await outbox.append(executorOf(tx), [failureEventOf(context, letter)]);
    return 'dead';
  });
}

function inSlice<DB, T>(
  db: Kysely<DB>,
  consumer: string,
  fn: (tx: Transaction<DB>, emitted: Emitted) => Promise<T>,
): Promise<T> {
  return kyselyTransaction(db, {}, async (tx) => {
    const emitted = new Emitted(consumer);
    (await guardOf(tx))?.follow(() => emitted.mark());
    const result = await fn(tx, emitted);
    if (emitted.events.length > 0) await outbox.append(executorOf(tx), emitted.events);
    return result;
  });
}

function emitFor(handler: string, emitted: Emitted): CallContext<never>['emit'] {
  return (made, answers, as) => emitted.add(handler, made, answers, as);
}

function contextOf<DB>(consumer: string, handler: string, tx: Transaction<DB>) {
  return {
    tx,
    consumer,
    handler,
    log,
    idempotencyKey: handler,
    deadline: new Date(),
    signal: new AbortController().signal,
    write: (): never => {
      throw new TypeError('no step writes without waiting');
    },
    pgClient: (): never => {
      throw new TypeError('no step asks for the client');
    },
  };
}
