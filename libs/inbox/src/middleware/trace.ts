import { attributeNames, contextFrom, spanNames, withSpan } from '@converge/telemetry';
import type { Middleware } from './middleware.ts';

/** A span per call: child of the event's trace, or linked to the traces of a batch. */
export function trace<DB>(): Middleware<DB> {
  return ({ consumer, subscription, events, ...rest }, next) => {
    const [first, ...others] = events.map(({ headers }) => contextFrom(headers));
    const attributes = {
      [attributeNames.consumer]: consumer,
      [attributeNames.handler]: subscription.handler,
      [attributeNames.type]: subscription.type,
      [attributeNames.destination]: subscription.topic,
      [attributeNames.batchSize]: events.length,
      ...(events.length === 1 ? { [attributeNames.eventId]: events[0]?.id ?? '' } : {}),
    };
    const parent = first === undefined || others.length > 0 ? {} : { parent: first };
    const links = others.length > 0 && first !== undefined ? [first, ...others].slice(0, 128) : [];
    return withSpan(
      spanNames.process(subscription.topic),
      { kind: 'consumer', attributes, links, ...parent },
      () => next({ consumer, subscription, events, ...rest }),
    );
  };
}
