import { boundText, type Envelope, type ReceivedEvent } from '@convergekit/contracts';
import type { Route, Router } from '../define/routes.ts';
import type { Subscription } from '../define/subscription.ts';
import { InboxError } from '../errors.ts';
import { oneLine } from '../slice/record-text.ts';
import { refuseFailure } from './failure-source.ts';
import type { Reading } from './reading.ts';

export type Action<DB> =
  | {
      readonly kind: 'handle';
      readonly event: ReceivedEvent;
      readonly subscription: Subscription<DB>;
      /** No position of a pinned source: deduplicated by a row of its own. */
      readonly foreign: boolean;
      readonly unknown?: undefined;
    }
  /** Cannot be handled whatever is tried: a dead letter at once. */
  | {
      readonly kind: 'refuse';
      readonly envelope: Envelope | undefined;
      readonly foreign: boolean;
      readonly error: unknown;
      readonly unknown?: string;
      /** Its key goes on without it: nothing shows that it belongs to the events of that key. */
      readonly releases?: boolean;
      /** Why its dead letter must not be tried again. */
      readonly closed?: string;
    }
  /** `unknown`: the type that no handler here takes, as another version would have registered it. */
  | { readonly kind: 'skip'; readonly why: SkipReason; readonly unknown?: string };

export type SkipReason =
  'duplicate' | 'unknown_type' | 'ignored' | 'uncertain' | 'elsewhere' | 'stale' | 'marker' | 'superseded';

/** What decides whether a source may ask for something. */
export interface Trusting<DB> {
  readonly route: Router<DB>;
  /** The source of each consumer whose failure events are subscribed to. */
  readonly failureSources: ReadonlyMap<string, string>;
}

/** What a record asks for, if its source may ask for it; `source`: the one whose position counts. */
export function actionFor<DB>(
  reading: Reading,
  { route, failureSources }: Trusting<DB>,
  source: string | undefined,
): Action<DB> {
  return refuseFailure(reading, source, failureSources) ?? act(reading, route, source === undefined);
}

/** What one record asks for, whatever its position. */
export function act<DB>({ content }: Reading, route: Router<DB>, foreign: boolean): Action<DB> {
  if (content.kind === 'marker') return { kind: 'skip', why: 'marker' };
  if (content.kind === 'unreadable')
    return { kind: 'refuse', envelope: undefined, foreign, error: content.error, releases: foreign };
  const { envelope } = content;
  let routed: Route<DB>;
  try {
    routed = route(envelope);
  } catch (error) {
    return { kind: 'refuse', envelope, foreign, error };
  }
  switch (routed.kind) {
    case 'handle':
      return { kind: 'handle', event: routed.event, subscription: routed.subscription, foreign };
    case 'skip':
      return { kind: 'skip', why: routed.why };
    case 'unknown': {
      // A failure event names in its data the type that failed: any text.
      const unknown = boundText(oneLine(routed.type));
      if (!routed.refused) return { kind: 'skip', why: 'unknown_type', unknown };
      return { kind: 'refuse', envelope, foreign, error: typeUnknown(unknown), unknown };
    }
  }
}

export function rejectedRecord<DB>({ content }: Reading): Action<DB> {
  const why = 'an operator rejected it as forged';
  return {
    kind: 'refuse',
    envelope: content.kind === 'envelope' ? content.envelope : undefined,
    foreign: true,
    releases: true,
    closed: why,
    error: new InboxError('RECORD_REJECTED', `${why} (\`converge consumers resume --reject\`)`, {
      category: 'data',
    }),
  };
}

function typeUnknown(type: string): InboxError {
  return new InboxError(
    'TYPE_UNKNOWN',
    `no handler takes ${type}, and this consumer refuses what it does not know: handle it, or .ignore() it`,
    { category: 'data' },
  );
}
