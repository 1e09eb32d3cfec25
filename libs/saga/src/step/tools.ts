import type { DomainEvent } from '@convergekit/contracts';
import type { EmitAs } from '@convergekit/inbox/engine';
import { type Logger, logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';

/** What a transaction offers to a step, a slice's or a settlement's of the worker. */
export interface StepTools<DB> {
  readonly tx: Transaction<DB>;
  readonly emit: (event: DomainEvent, as?: EmitAs) => void;
  readonly log: Logger;
}

/** Those of a settlement. */
export function toolsOf<DB>({ tx, emit }: Pick<StepTools<DB>, 'tx' | 'emit'>): StepTools<DB> {
  return { tx, emit, log: logger('saga') };
}
