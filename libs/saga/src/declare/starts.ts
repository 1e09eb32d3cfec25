import type { EventDefinition } from '@convergekit/contracts';
import type { SagaDeclaration } from './declaration.ts';
import { invalid } from './names.ts';

/**
 * Declares an event as the start of these sagas, for its emitter: `createOutbox([starts(orderPlaced, placeOrder)])`. A header
 * names the version of each, so that all services begin the same one while versions are deployed. An emitter changes to a
 * new version when every service that takes part knows it. Throws SAGA_INVALID for a saga that begins with another event.
 * @example
 * ```ts
 * import { starts } from 'convergekit';
 * import { createOutbox } from 'convergekit/postgres';
 * import { orderPlaced, placeOrder } from './shop.ts';
 *
 * export const outbox = createOutbox([starts(orderPlaced, placeOrder)]);
 * ```
 */
export function starts<Event extends EventDefinition>(
  event: Event,
  ...sagas: readonly { readonly declaration: SagaDeclaration }[]
): Event {
  const named = new Map((event.starts ?? []).map((one) => [one.split('/')[0], one]));
  for (const { declaration } of sagas) {
    const { name, version, start } = declaration;
    if (start.type !== event.type)
      throw invalid(
        { saga: name },
        `it is started by ${start.type}, not by ${event.type}`,
        'give that event',
      );
    if (named.has(name))
      throw invalid(
        { saga: name },
        `${event.type} starts it in two versions`,
        'name one version of each saga',
      );
    named.set(name, `${name}/${version}`);
  }
  const make = (data: never) => Object.freeze({ ...event(data), definition: started });
  const started: EventDefinition = Object.freeze(Object.assign(make, event, { starts: [...named.values()] }));
  // The definition stays the same, with one more header.
  return started as Event;
}

const STARTED = /^([^/,]+)\/([1-9]\d{0,8})$/;

/** Returns the version that a start event names in its header (pure); undefined where it names none. */
export function startedVersion(header: string | undefined, saga: string): number | undefined {
  for (const one of header?.split(',', 100) ?? []) {
    const [, name, version] = STARTED.exec(one) ?? [];
    if (name === saga) return Number(version);
  }
  return undefined;
}
