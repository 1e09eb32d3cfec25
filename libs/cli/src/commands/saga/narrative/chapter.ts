import type { InstanceDetail, SagaRecords } from '@convergekit/saga/operate';
import type { StoredAct, StoredRepair } from '../../../history/act-sql.ts';
import type { Stored } from '../../../history/attempt-sql.ts';

/** The facts of a database about an instance and its events, under the name of its source. */
export interface NarrativeChapter {
  readonly database: string;
  readonly saga: SagaRecords;
  readonly stored: readonly Stored[];
  /** Acts of operators, and repairs of the saga's key. */
  readonly acts: readonly (StoredAct | StoredRepair)[];
  /** The instance as an observer recorded it, if this database has one. */
  readonly observed?: InstanceDetail | undefined;
}
