import { failureEvent } from '@convergekit/contracts/engine';
import type { Admin, IncomingRecord } from '@convergekit/broker/engine';
import { createEngineOutbox } from '@convergekit/outbox/engine';
import { Counter, DatabaseTime } from '@convergekit/postgres/engine';
import type { Policy } from '@convergekit/resilience';
import { logger } from '@convergekit/telemetry';
import { LineLimit } from '@convergekit/telemetry/engine';
import { compose, measure, timeLimit } from '../attempt/middleware.ts';
import { trace } from '../attempt/spans.ts';
import { type ConsumerDefinition, policyName } from '../define/define-consumer.ts';
import { router } from '../define/routes.ts';
import { Parking } from '../park/parking.ts';
import { signaturesOf } from '../plan/signatures.ts';
import type { SliceContext } from '../slice/context.ts';
import { HandlerPace } from '../slice/joint-decision.ts';
import { defaultSize } from '../slice/slice-parts.ts';
import type { ResolvedOptions } from './options.ts';

/** Makes the kit's own limits act before the server's, which end the connection. */
const MARGIN_MS = 1_000;

/** The longest timeout of Postgres. */
const MOST_MS = 2_147_483_647;

/** Makes what all slices of one consumer share from the options of its service. */
export function sliceContextOf<DB>(
  definition: ConsumerDefinition<DB>,
  options: ResolvedOptions<DB>,
  serverVersion: number,
  admin: Admin,
): SliceContext<DB> {
  const { database, clock, random, policies, parking, graceMs, lockTimeoutMs } = options;
  const { sliceMs, sliceSize = defaultSize(definition.subscriptions) } = options;
  const names = new Map(
    definition.subscriptions.map(({ handler }) => [handler, policyName(definition.name, handler)]),
  );
  // The policy falls back to the default: an older version may have parked an event for an unknown handler.
  const policyOf = (handler: string): Policy =>
    policies.for(names.get(handler) ?? policyName(definition.name, handler));
  const limitMs = (handler: string): number => policyOf(handler).attemptTimeoutMs;
  const sliceMaxMs = 5 * sliceMs;
  const middleware = [
    trace<DB>(),
    measure<DB>(clock),
    timeLimit<DB>({ limitMs, graceMs, clock }),
    ...options.middleware,
  ];
  return {
    definition,
    failureEvent: failureEvent(definition.name),
    database,
    // Emitted events carry their own ids, so the outbox needs no declarations.
    outbox: createEngineOutbox([], { clock, random }),
    route: router(definition),
    readLog: (from, to) => readFrom(admin, from, to),
    signatures: options.signatures && signaturesOf(options.signatures),
    call: compose(middleware, ({ subscription, events, context }) => subscription.call(events, context)),
    limits: () => {
      const longest = Math.max(...definition.subscriptions.map(({ handler }) => limitMs(handler)));
      const handlerMs = Math.min(Math.ceil(longest) + graceMs + MARGIN_MS, MOST_MS);
      const transactionMs = Math.min(sliceMaxMs + handlerMs + MARGIN_MS, MOST_MS);
      return { idleMs: handlerMs, statementMs: handlerMs, lockMs: lockTimeoutMs, transactionMs };
    },
    serverVersion,
    policyOf,
    parking: new Parking(parking, clock),
    bounds: { sliceMs, sliceSize },
    pace: new HandlerPace(),
    sliceMaxMs,
    clock,
    time: new DatabaseTime(clock),
    random,
    log: logger('inbox', { consumer: definition.name }),
    counter: new Counter('consumer', definition.name),
    lines: new LineLimit(clock),
  };
}

/** Reads the records from an offset on, of those that the log still has. Rejects when the broker does not answer. */
async function* readFrom(
  admin: Pick<Admin, 'logEnds' | 'read'>,
  { topic, partition, offset }: Pick<IncomingRecord, 'topic' | 'partition' | 'offset'>,
  to: bigint,
): AsyncIterable<IncomingRecord> {
  const ends = await admin.logEnds(topic);
  if (ends.some((one) => one.partition === partition)) yield* admin.read(topic, partition, offset, to);
}
