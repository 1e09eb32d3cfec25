import type { BrokerError } from '@convergekit/broker';

/** The reaction to a batch that was not written. */
export type SendDecision =
  /** Send the same records again, in order, after a pause. Nothing is ever skipped. */
  | { readonly kind: 'retry' }
  /** Send the same records in smaller batches: one record is refused, and the halt must name it. */
  | { readonly kind: 'smaller'; readonly records: number }
  /** Halt this topic until the cause is gone; the others flow. */
  | { readonly kind: 'halt_topic'; readonly code: string }
  /** Halt this partition alone: it takes nothing while the others are written. */
  | { readonly kind: 'halt_partition'; readonly code: string }
  /** Halt this partition alone, at the one record that the broker refuses. */
  | { readonly kind: 'halt_at_record'; readonly code: string };

export interface FailedSend {
  readonly error: Pick<BrokerError, 'kind' | 'code'>;
  /** Records of the refused batch. */
  readonly records: number;
  /** The time for which this partition fails without a success, in milliseconds. */
  readonly failingForMs: number;
  /** True when another partition was written since the first failure: the broker works, only this partition fails. */
  readonly othersFlow: boolean;
  /** The time for which others were written after the first failure and the last recovery, in milliseconds. */
  readonly othersFlowForMs: number;
  /** Room for more events is used up, so this partition holds back the others. */
  readonly holdsBack: boolean;
  /** True when the partition was halted by itself before, and this attempt was to bring it back. */
  readonly isProbe: boolean;
}

/** The time after which a failing partition is halted by itself while others are written, in milliseconds. */
export const SET_APART_AFTER_MS = 5_000;
/** The time after which a failing partition that holds back others is halted, in milliseconds. */
export const HOLDS_BACK_FOR_MS = 2_000;

/** The codes with which the broker refuses a whole batch for one record. */
const REFUSED_AS_A_WHOLE: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_INVALID',
  'TIMESTAMP_INVALID',
]);

export function decideFailedSend(failed: FailedSend): SendDecision {
  const { error, records } = failed;
  switch (error.kind) {
    case 'halt_topic':
      if (REFUSED_AS_A_WHOLE.has(error.code))
        return records > 1
          ? { kind: 'smaller', records: records >> 1 }
          : { kind: 'halt_at_record', code: error.code };
      return { kind: 'halt_topic', code: error.code };
    case 'fatal':
      // An unknown error halts the topic: repeating for ever would hold back everything, skipping would lose an event.
      return { kind: 'halt_topic', code: error.code };
    case 'configuration':
    case 'new_producer':
    case 'retry':
      // An outage of the broker ends by itself and concerns all: no attempt counts, nothing is halted.
      if (failed.isProbe) return { kind: 'halt_partition', code: error.code };
      if (failed.othersFlowForMs >= SET_APART_AFTER_MS) return { kind: 'halt_partition', code: error.code };
      // The others may have nothing left to send: one write by them suffices.
      if (failed.holdsBack && failed.othersFlow && failed.failingForMs >= HOLDS_BACK_FOR_MS)
        return { kind: 'halt_partition', code: error.code };
      return { kind: 'retry' };
  }
}
