import { readSource, type Source } from '@convergekit/outbox/engine';
import type { Executor } from '@convergekit/postgres';
import { cursorColumns, cursorOf, type CursorRecord, type CursorRow } from '../leader/takeover-sql.ts';
import { LEASE } from '../options.ts';
import type { Phantom } from './rebase-sql.ts';

export interface Epoch {
  readonly epoch: number;
  readonly forkedTick: bigint;
  readonly reason: string;
  readonly at: Date;
}

/** The state of a source in its database. Reading locks nothing. */
export interface SourceState {
  readonly source: Source;
  readonly epochs: readonly Epoch[];
  /** The holder of the lease; undefined when the lease is free. */
  readonly leader: { readonly holder: string; readonly expiresAt: Date } | undefined;
  readonly doneTick: bigint;
  readonly cursors: readonly CursorRecord[];
}

export async function readSourceState(executor: Executor): Promise<SourceState> {
  const source = await readSource(executor);
  const epochs = await executor.query<{ epoch: number; forked: string; reason: string; at: Date }>(
    `select 1 as epoch, '0' as forked, 'first' as reason, created_at as at from converge.source
      union all
     select (after ->> 'epoch')::int, after ->> 'forkedTick', reason, at from converge.audit
      where subject_kind = 'source' and act = 'source rebase' and after ? 'epoch' order by epoch`,
  );
  const leases = await executor.query<{ holder: string; expiresAt: Date }>(
    'select holder, expires_at as "expiresAt" from converge.lease where name = $1 and expires_at > clock_timestamp()',
    [LEASE],
  );
  const done = await executor.query<{ done: string }>(
    'select done_tick::text as done from converge.relay_source',
  );
  const cursors = await executor.query<CursorRow>(
    `select ${cursorColumns} from converge.relay_cursor order by topic, partition`,
  );
  return {
    source,
    epochs: epochs.rows.map(({ forked, ...epoch }) => ({ ...epoch, forkedTick: BigInt(forked) })),
    leader: leases.rows[0],
    doneTick: BigInt(done.rows[0]?.done ?? '0'),
    cursors: cursors.rows.map((row) => cursorOf(row, source.epoch)),
  };
}

/** Reads the records that the log held beyond each fork. */
export async function readPhantoms(
  executor: Executor,
): Promise<readonly (Phantom & { readonly epoch: number })[]> {
  const { rows } = await executor.query<
    Omit<Phantom, 'offset'> & { readonly epoch: number; readonly offset: string }
  >(
    `select epoch, topic, partition, log_offset::text as offset, kind, event_id as "eventId", position, type, key
       from converge.phantom order by epoch, topic, partition, log_offset`,
  );
  return rows.map((row) => ({ ...row, offset: BigInt(row.offset) }));
}
