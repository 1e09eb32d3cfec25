import type { ReceivedEvent } from '@convergekit/contracts';
import { attributeNames, spanNames, traceContextFrom, withSpan } from '@convergekit/telemetry';
import type { Subscription } from '../define/subscription.ts';
import type { Middleware } from './middleware.ts';

/** What the OpenTelemetry SDK keeps of a span's links. */
const MAX_LINKS = 128;

/** A span per call of a slice. An event that is tried by itself has its span around all its attempts already. */
export function trace<DB>(): Middleware<DB> {
  return (call, next) => (call.attempt === undefined ? inProcessSpan(call, () => next(call)) : next(call));
}

export interface Processed<DB> {
  readonly consumer: string;
  readonly subscription: Subscription<DB>;
  readonly events: readonly ReceivedEvent[];
}

/** Child of the event's trace, or linked to the traces of a batch. */
export function inProcessSpan<DB, T>(
  { consumer, subscription, events }: Processed<DB>,
  fn: () => Promise<T>,
): Promise<T> {
  const [first, ...others] = events.slice(0, MAX_LINKS).map(({ headers }) => traceContextFrom(headers));
  const attributes = {
    [attributeNames.consumer]: consumer,
    [attributeNames.handler]: subscription.handler,
    [attributeNames.type]: subscription.type,
    [attributeNames.destination]: subscription.topic,
    [attributeNames.batchSize]: events.length,
    ...(events.length === 1 ? { [attributeNames.eventId]: events[0]?.id ?? '' } : {}),
  };
  const parent = first === undefined || others.length > 0 ? {} : { parent: first };
  const links = others.length > 0 && first !== undefined ? [first, ...others] : [];
  return withSpan(
    spanNames.process(subscription.topic),
    { kind: 'consumer', attributes, links, ...parent },
    fn,
  );
}
