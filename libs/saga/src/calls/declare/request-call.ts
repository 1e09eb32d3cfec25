import { WIRE } from '@convergekit/contracts/engine';
import { identityOf, eventContextOf, type Requester } from '@convergekit/inbox/engine';
import { deterministicUuid } from '@convergekit/core/engine';
import { inject } from '@convergekit/telemetry/engine';
import type { WorkerCall } from '../work/worker-call.ts';
import { insertWork } from '../work/insert-sql.ts';
import type { Cause } from '../work/work.ts';

/** The number of calls that each run of a handler requested, by its own `tx`. */
const asked = new WeakMap<object, Map<string, number>>();

/**
 * Writes the intent of a call in the handler's transaction, and returns its id. The saga worker makes the call after the
 * slice's commit; then its `succeeded` or `failed` runs. The id derives from the event and the handler: however often the
 * event is handled, there is one intent, and the first one counts.
 */
export async function requestCall<DB, Input>(
  declared: Pick<WorkerCall<DB, Input>, 'name' | 'plan'>,
  input: Input,
  { tx, consumer, handler, event }: Requester<DB>,
): Promise<string> {
  const incoming = identityOf(event);
  const index = nextIndex(tx, `${declared.name} ${incoming}`);
  const id = deterministicUuid(consumer, handler, 'call', incoming, declared.name, index);
  const plan = declared.plan(input);
  // Compiled and not sent: the transaction of a handler that has ended refuses it.
  tx.selectNoFrom([]).compile();
  await insertWork(tx, {
    id,
    consumer,
    handler,
    call: declared.name,
    key: event.key,
    idempotencyKey: plan.idempotencyKey ?? id,
    input: plan.input,
    cause: causeOf(event),
  });
  return id;
}

function nextIndex(tx: object, what: string): number {
  const counts = asked.get(tx) ?? new Map<string, number>();
  asked.set(tx, counts);
  const index = counts.get(what) ?? 0;
  counts.set(what, index + 1);
  return index;
}

type Asking = Omit<Parameters<typeof eventContextOf>[0], 'deadline'> & {
  /** ISO 8601, where it was stored. */
  readonly deadline?: Date | string;
};

/** Returns the cause of a call that an event requests, with the trace context of the active span. */
export function causeOf({ deadline: until, ...event }: Asking): Cause {
  const { correlationId, causationId: eventId, hops } = eventContextOf(event);
  const deadline = until && new Date(until).toISOString();
  const headers: Record<string, string> = {};
  inject(headers);
  const { [WIRE.traceparent]: traceparent, [WIRE.tracestate]: tracestate } = headers;
  return { eventId, correlationId, hops, deadline, traceparent, tracestate };
}
