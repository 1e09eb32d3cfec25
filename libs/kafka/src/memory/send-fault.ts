import type { BrokerErrorDetail } from '../broker.ts';

/** A failure that the next matching batches of a send meet. */
export interface SendFault extends Partial<Pick<BrokerErrorDetail, 'code' | 'kind' | 'certainty'>> {
  readonly topic?: string;
  readonly partition?: number;
  /** The records are written all the same, as when the acknowledgement was lost. @default false */
  readonly applied?: boolean;
  /** How many batches it meets. @default 1 */
  readonly times?: number;
}
