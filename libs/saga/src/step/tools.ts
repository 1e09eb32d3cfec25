import type { DomainEvent } from '@convergekit/contracts';
import type { OutcomeContext } from '../calls/work/worker-call.ts';
import type { EndedWork } from '../calls/work/work.ts';
import type { EmitAs, Gathered } from '@convergekit/inbox/engine';
import { type Logger, logger } from '@convergekit/telemetry';
import type { Transaction } from 'kysely';
import { type FenceRow, fenceRowOf, type RawFence } from '../fence/fence-sql.ts';

/** The tools of a transaction for a step: of a slice, or of the worker's recording of an outcome. */
export interface StepTools<DB> {
  readonly tx: Transaction<DB>;
  readonly emit: (event: DomainEvent, as?: EmitAs) => void;
  readonly log: Logger;
  /** What outcomes write together; undefined in a slice. */
  readonly gathered?: Gathered<DB>;
  /** The work whose outcome is recorded, until a decision has it; undefined in a slice. */
  readonly ended?: EndedWork | undefined;
}

/** Returns the fence that the statement locked which closed the work. */
export function lockedFence<DB>({ locked }: Pick<OutcomeContext<DB, never>, 'locked'>): FenceRow | undefined {
  // Only the calls of steps are asked, which all lock their fence.
  return locked === undefined ? undefined : fenceRowOf(locked as RawFence);
}

/** Returns the tools for recording an outcome. */
export function toolsOf<DB>({
  tx,
  emit,
  gathered,
  ended,
}: Pick<OutcomeContext<DB, never>, 'tx' | 'emit' | 'gathered' | 'ended'>): StepTools<DB> {
  return { tx, emit, log: logger('saga'), gathered, ended };
}
