import type { SliceContext } from '../slice/context.ts';
import type { DatabaseProbe } from './database-probe.ts';
import type { Sources } from './sources.ts';

/** The state that the processing of a member's partitions shares. */
export interface Worker<DB> {
  readonly context: SliceContext<DB>;
  readonly sources: Sources;
  readonly probe: DatabaseProbe<DB>;
  /** True once the service stops: the slice in work is finished, no other begins. */
  stopping(): boolean;
  /** Reports an outage of the consumer's own database, or its end (`undefined`). */
  waiting(outage: unknown): void;
}
