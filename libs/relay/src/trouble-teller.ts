import { BrokerError } from '@convergekit/kafka';
import { classify } from '@convergekit/resilience';
import type { RelaySettings } from './options.ts';

type Log = Pick<RelaySettings['log'], 'warn' | 'error'>;

/** Failures in a row between two lines about the same trouble: a minute or two, as the pauses between tries grow. */
const AGAIN = 20;

/**
 * Says why the relay can neither lead nor stand by: once when it begins or becomes another one, rarely while it lasts.
 * Its end is the line that says who leads.
 */
export class TroubleTeller {
  readonly #log: Log;
  #code: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `failures` in a row, this one included; 1 begins a new trouble. */
  tell(error: unknown, failures: number): void {
    const { code } = classify(error);
    const known = failures > 1 && code === this.#code;
    this.#code = code;
    if (known && failures % AGAIN !== 0) return;
    const broker = brokerErrorOf(error);
    // Its text says all there is, and where in this program it was noticed helps nobody.
    if (broker !== undefined)
      this.#log.warn(
        { code: broker.code, failures },
        `waiting for Kafka, events stay in the outbox meanwhile: ${broker.message}`,
      );
    else
      this.#log.error(
        { err: error, failures },
        `the relay cannot work: ${error instanceof Error ? error.message : String(error)}. It tries again.`,
      );
  }
}

export function brokerErrorOf(error: unknown): BrokerError | undefined {
  if (error instanceof BrokerError) return error;
  return error instanceof Error && error.cause instanceof BrokerError ? error.cause : undefined;
}
