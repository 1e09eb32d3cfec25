import type { PartitionControl } from '@convergekit/broker/engine';
import { answers } from '@convergekit/postgres/engine';
import type { SliceContext } from '../slice/context.ts';
import { JointSlices } from '../slice/joint-slices.ts';
import type { Partition } from '../slice/partition.ts';
import { databaseProbe } from './database-probe.ts';
import type { Sources } from './sources.ts';

/** The state that the processing of a member's partitions shares. */
export interface Worker<DB> {
  readonly context: SliceContext<DB>;
  readonly sources: Sources;
  /** Asks whether the database answers; rejects with why it does not. */
  readonly probe: () => Promise<void>;
  /** Commits the slices of all partitions: those that wait together in one transaction. */
  readonly joint: JointSlices<DB>;
  /** True once the service stops: the slice in work is finished, no other begins. */
  stopping(): boolean;
  /** Reports an outage of the consumer's own database, or its end (`undefined`). */
  waiting(outage: unknown): void;
}

/** One piece of work at a partition: there is one at a time. */
export interface Turn<DB> {
  readonly worker: Worker<DB>;
  readonly partition: Partition;
  /** Its signal aborts at a stop, too. */
  readonly control: PartitionControl;
  /** Aborts when the partition is lost. */
  readonly lost: AbortSignal;
}

/** The time that the database has to answer a probe, in milliseconds. */
const PROBE_MS = 5_000;

export function workerOf<DB>(
  context: SliceContext<DB>,
  sources: Sources,
  member: Pick<Worker<DB>, 'stopping' | 'waiting'>,
): Worker<DB> {
  const { database, clock, random } = context;
  const probe = databaseProbe(() => answers(database, PROBE_MS), { clock, random });
  const joint = new JointSlices(context);
  return { context, sources, probe, joint, ...member };
}
