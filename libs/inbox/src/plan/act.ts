import { boundText, type Envelope } from '@convergekit/contracts/engine';
import type { ReceivedEvent } from '@convergekit/contracts';
import type { Route, Router } from '../define/routes.ts';
import type { Subscription } from '../define/subscription.ts';
import { InboxError } from '../errors.ts';
import { oneLine } from '../slice/record-text.ts';
import { type FailureTrust, refuseFailure } from './failure-source.ts';
import type { Reading } from './reading.ts';

export type Action<DB> =
  | {
      readonly kind: 'handle';
      readonly event: ReceivedEvent;
      readonly subscription: Subscription<DB>;
      /** True without a position of a pinned source: deduplicated by a row of its own. */
      readonly foreign: boolean;
      readonly unknown?: undefined;
    }
  /** Cannot be handled by any retry: a dead letter at once. */
  | {
      readonly kind: 'refuse';
      readonly envelope: Envelope | undefined;
      readonly foreign: boolean;
      readonly error: unknown;
      readonly unknown?: undefined;
      /** True when the dead letter releases its key: nothing proves that it belongs to that key. */
      readonly releases?: boolean;
      /** The reason why the dead letter must not be retried. */
      readonly closed?: string;
    }
  /** `unknown`: the type without a handler, as another version would register it. */
  | { readonly kind: 'skip'; readonly why: SkipReason; readonly unknown?: string };

export type SkipReason =
  'duplicate' | 'unknown_type' | 'ignored' | 'uncertain' | 'elsewhere' | 'stale' | 'marker' | 'superseded';

/** The trusted sources, which decide whether an event is handled. */
export interface Trusting<DB> extends FailureTrust {
  readonly route: Router<DB>;
}

/** Returns the action for a record, or its refusal. `source`: the one whose position counts. */
export function actionFor<DB>(
  reading: Reading,
  trusting: Trusting<DB>,
  source: string | undefined,
): Action<DB> {
  return refuseFailure(reading, source, trusting) ?? act(reading, trusting.route, source === undefined);
}

/** Returns the action for a record, regardless of its position. */
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
    case 'unknown':
      // The failed type in a failure event may be any text.
      return { kind: 'skip', why: 'unknown_type', unknown: boundText(oneLine(routed.type)) };
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
