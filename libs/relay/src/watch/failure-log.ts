import { BrokerError } from '@convergekit/broker';
import { messageOf } from '@convergekit/core/engine';
import { classify } from '@convergekit/resilience';
import type { RelaySettings } from '../options.ts';

type Log = Pick<RelaySettings['log'], 'warn' | 'error'>;

/** The number of failures between two lines about the same trouble: a minute or two, as the pauses grow. */
const AGAIN = 20;

/**
 * Logs why the relay can neither lead nor stand by, at each change and rarely in between. The end of the trouble is the
 * line that names the leader.
 */
export class FailureLog {
  readonly #log: Log;
  #code: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `failures` in a row, this one included; 1 begins a new trouble. */
  failed(error: unknown, failures: number): void {
    const { code } = classify(error);
    const known = failures > 1 && code === this.#code;
    this.#code = code;
    if (known && failures % AGAIN !== 0) return;
    const broker = brokerErrorOf(error);
    // The text of the error suffices; a stack of this program would not help.
    if (broker !== undefined)
      this.#log.warn(
        { code: broker.code, failures },
        `waiting for Kafka, events stay in the outbox meanwhile: ${broker.message}`,
      );
    else
      this.#log.error(
        { err: error, failures },
        `the relay cannot work, and tries again: ${messageOf(error)}`,
      );
  }
}

export function brokerErrorOf(error: unknown): BrokerError | undefined {
  if (error instanceof BrokerError) return error;
  return error instanceof Error && error.cause instanceof BrokerError ? error.cause : undefined;
}

export interface FailedWrite {
  readonly topic: string;
  readonly error: BrokerError;
}

/**
 * Logs why partitions cannot be written, once for each reason, and the end of it. An outage reaches partitions in
 * sequence, and some recover before others fail: it is one outage until none fails.
 */
export class SendFailureLog {
  readonly #log: Pick<RelaySettings['log'], 'info' | 'warn'>;
  readonly #isFailing: () => boolean;
  readonly #logged = new Set<string>();

  /** `isFailing`: whether the last send to any partition failed. */
  constructor(log: Pick<RelaySettings['log'], 'info' | 'warn'>, isFailing: () => boolean) {
    this.#log = log;
    this.#isFailing = isFailing;
  }

  /** Call before these failures are counted. */
  failed(failed: readonly FailedWrite[]): void {
    if (!this.#isFailing()) this.#logged.clear();
    for (const { topic, error } of failed) {
      if (this.#logged.has(error.code)) continue;
      this.#logged.add(error.code);
      const fields = { partitions: failed.length, topic, code: error.code };
      this.#log.warn(fields, `cannot write to ${failed.length} partition(s): ${error.message}`);
    }
  }

  /** Call after each acknowledgement. */
  written(): void {
    if (this.#logged.size === 0 || this.#isFailing()) return;
    this.#logged.clear();
    this.#log.info({}, 'writing again');
  }
}
