import { type Envelope, failureEvent, KIT_TYPES } from '@convergekit/contracts/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { createOutbox } from '@convergekit/outbox';
import { executorOf } from '@convergekit/postgres';
import { asksForRerun, guardOf, kyselyTransaction } from '@convergekit/postgres/engine';
import { dispositionOf } from '@convergekit/resilience/engine';
import { classify } from '@convergekit/resilience';
import { logger } from '@convergekit/telemetry';
import type { Kysely, Transaction } from 'kysely';
import { attemptOf } from '../attempt/attempt.ts';
import { causeOf, type DeadLetter, failureEventId, parkedId } from '../attempt/dead-letter.ts';
import { failureEventOf } from '../attempt/failure-events.ts';
import { router } from '../define/routes.ts';
import type { CallContext, Subscription } from '../define/subscription.ts';
import type { ConsumerDefinition } from '../define/define-consumer.ts';
import { readRecord } from '../plan/reading.ts';
import type { SliceContext } from '../slice/context.ts';
import { Emitted } from '../slice/emitted.ts';
import { Gathered } from '../slice/gathered.ts';

const outbox = createOutbox([]);
const log = logger('trial');

/** `later`: its key waits · `dead`: it was given up, with a failure event · `resolved`: its handler dealt with that */
export type Handed = 'done' | 'later' | 'dead' | 'resolved';

export interface Delivering {
  /** Runs the handler. The step is undefined for every event but those that begin one. */
  readonly handling: (
    of: { readonly op: 'apply' | 'compensate'; readonly step: string | undefined },
    handle: () => Promise<void>,
  ) => Promise<void>;
  /** True for the error of a crash, after which nothing more is written. */
  readonly isCrash: (error: unknown) => boolean;
}

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
  { handling, isCrash }: Delivering,
): Promise<Handed> {
  const routed = routeTo(consumer, record);
  if (routed === undefined) throw new TypeError(`${consumer.name} does not take it`);
  const { event, subscription } = routed;
  const { handler } = subscription;
  const begins = subscription.memberOf?.(event);
  const of = { op: begins === undefined ? 'compensate' : 'apply', step: begins?.step } as const;
  try {
    await inSlice(db, consumer.name, async (tx, emitted) => {
      const gathered = new Gathered(tx);
      await handling(of, async () => {
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
  const { handler } = subscription;
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
    const { kind } = (await subscription.onGiveUp?.(
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
