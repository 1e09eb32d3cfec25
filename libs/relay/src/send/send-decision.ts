import type { BrokerError } from '@convergekit/broker';

/** The reaction to a batch that was not written. */
export type SendDecision =
  /** The same records again, in order, after a pause. Nothing is ever skipped. */
  | { readonly kind: 'retry' }
  /** The same records in smaller batches: one of them is refused, and the halt shall name it. */
  | { readonly kind: 'smaller'; readonly records: number }
  /** This topic waits until the cause is gone; the others flow. */
  | { readonly kind: 'halt_topic'; readonly code: string }
  /** This partition alone waits; the others of its topic flow. */
  | { readonly kind: 'halt_partition'; readonly code: string };

export interface FailedSend {
  readonly error: Pick<BrokerError, 'kind' | 'code'>;
  /** Records of the refused batch. */
  readonly records: number;
  /** Since when this partition fails without a success, milliseconds. */
  readonly failingForMs: number;
  /** Another partition was written since it fails: the broker is not down, only this partition is. */
  readonly othersFlow: boolean;
  /** How long after its first failure, and after the last other one recovered, others were still written; milliseconds. */
  readonly othersFlowForMs: number;
  /** Room for more events is used up, so this partition holds back the others. */
  readonly holdsBack: boolean;
  /** It was halted by itself before, and this was the attempt to bring it back. */
  readonly isProbe: boolean;
}

/** A partition that fails is halted by itself when others are still written so long after, milliseconds. */
export const SET_APART_AFTER_MS = 5_000;
/** One that holds back the others is halted when it fails for so long, milliseconds. */
export const HOLDS_BACK_FOR_MS = 2_000;

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
  othersFlowForMs,
  holdsBack,
  isProbe,
}: FailedSend): SendDecision {
  switch (error.kind) {
    case 'halt_topic':
      if (REFUSED_AS_A_WHOLE.has(error.code) && records > 1)
        return { kind: 'smaller', records: records >> 1 };
      return { kind: 'halt_topic', code: error.code };
    case 'fatal':
      // It is not known what it is: repeating it for ever would hold back everything, skipping it would lose an event.
      return { kind: 'halt_topic', code: error.code };
    case 'configuration':
    case 'new_producer':
    case 'retry':
      // An outage of the broker ends by itself and concerns everyone: no attempt is counted, nothing is halted.
      if (isProbe) return { kind: 'halt_partition', code: error.code };
      if (othersFlowForMs >= SET_APART_AFTER_MS) return { kind: 'halt_partition', code: error.code };
      // The others may have nothing left to send: that they were written at all must do.
      if (holdsBack && othersFlow && failingForMs >= HOLDS_BACK_FOR_MS)
        return { kind: 'halt_partition', code: error.code };
      return { kind: 'retry' };
  }
}
