import type { BrokerError } from '@convergekit/kafka';
import type { RelaySettings } from './options.ts';

export interface FailedWrite {
  readonly topic: string;
  readonly error: BrokerError;
}

/**
 * Says why partitions cannot be written, once for each reason, and that all of them are written again. An outage meets
 * partitions one after the other, and some of them come back before others fail: it is one outage until none fails.
 */
export class SendTrouble {
  readonly #log: Pick<RelaySettings['log'], 'info' | 'warn'>;
  readonly #isFailing: () => boolean;
  readonly #told = new Set<string>();

  /** `isFailing`: whether the last send to any partition failed. */
  constructor(log: Pick<RelaySettings['log'], 'info' | 'warn'>, isFailing: () => boolean) {
    this.#log = log;
    this.#isFailing = isFailing;
  }

  /** Call before these failures are counted. */
  failed(failed: readonly FailedWrite[]): void {
    if (!this.#isFailing()) this.#told.clear();
    for (const { topic, error } of failed) {
      if (this.#told.has(error.code)) continue;
      this.#told.add(error.code);
      const fields = { partitions: failed.length, topic, code: error.code };
      this.#log.warn(fields, `cannot write to ${failed.length} partition(s): ${error.message}`);
    }
  }

  /** Call after each acknowledgement. */
  written(): void {
    if (this.#told.size === 0 || this.#isFailing()) return;
    this.#told.clear();
    this.#log.info({}, 'writing again');
  }
}
