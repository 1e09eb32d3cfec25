import type { DomainEvent } from '@convergekit/contracts';
import type { EmitAs } from '@convergekit/inbox/engine';
import { type Logger, logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';

/** What a step may use in the transaction of a slice, or of a worker that records an outcome. */
export interface StepTools<DB> {
  readonly tx: Transaction<DB>;
  readonly emit: (event: DomainEvent, as?: EmitAs) => void;
  readonly log: Logger;
}

/** The tools in the transaction of a worker. */
export function toolsOf<DB>({ tx, emit }: Pick<StepTools<DB>, 'tx' | 'emit'>): StepTools<DB> {
  return { tx, emit, log: logger('saga') };
}
