import type { BrokerError } from '@converge/kafka';

/** What to do with a partition whose batch was refused. */
export type SendDecision =
  /** The same records again, in order, after a pause. Nothing is ever skipped. */
  | { readonly kind: 'retry' }
  /** The same records in smaller batches: one of them is refused, and the halt shall name it. */
  | { readonly kind: 'smaller'; readonly records: number }
  /** This topic waits until it is mended; the others flow. */
  | { readonly kind: 'halt'; readonly code: string };

export interface FailedSend {
  readonly error: Pick<BrokerError, 'kind' | 'code'>;
  /** Records of the refused batch. */
  readonly records: number;
  /** Since when this partition fails without a success, milliseconds. */
  readonly failingForMs: number;
  /** Another partition was written meanwhile: the broker is not down, only this partition is. */
  readonly othersFlow: boolean;
  /** Room for more events is used up, so this partition holds back the others. */
  readonly holdsBack: boolean;
}

/** After how long a partition that holds back the others is set apart, milliseconds. */
export const SET_APART_AFTER_MS = 5_000;

/** For one record the broker refuses the batch that it is in. */
const REFUSED_AS_A_WHOLE: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_INVALID',
  'TIMESTAMP_INVALID',
]);

export function decideFailedSend({
  error,
  records,
  failingForMs,
  othersFlow,
  holdsBack,
}: FailedSend): SendDecision {
  switch (error.kind) {
    case 'halt_topic':
      if (REFUSED_AS_A_WHOLE.has(error.code) && records > 1)
        return { kind: 'smaller', records: records >> 1 };
      return { kind: 'halt', code: error.code };
    case 'fatal':
      // Nobody knows what it is: repeating it for ever would hold back everything, skipping it would lose an event.
      return { kind: 'halt', code: error.code };
    case 'configuration':
    case 'new_producer':
    case 'retry':
      // A broker that is down heals by itself and concerns everyone: no attempt is counted, nothing is set apart.
      if (othersFlow && holdsBack && failingForMs >= SET_APART_AFTER_MS)
        return { kind: 'halt', code: error.code };
      return { kind: 'retry' };
  }
}
