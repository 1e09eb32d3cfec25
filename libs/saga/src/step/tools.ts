import type { DomainEvent } from '@convergekit/contracts';
import type { EmitAs } from '@convergekit/inbox/engine';
import { type Logger, logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';

/** The tools of a transaction for a step: of a slice, or of the worker's recording of an outcome. */
export interface StepTools<DB> {
  readonly tx: Transaction<DB>;
  readonly emit: (event: DomainEvent, as?: EmitAs) => void;
  readonly log: Logger;
}

/** Returns the tools for recording an outcome. */
export function toolsOf<DB>({ tx, emit }: Pick<StepTools<DB>, 'tx' | 'emit'>): StepTools<DB> {
  return { tx, emit, log: logger('saga') };
}
