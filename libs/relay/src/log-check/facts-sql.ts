import { type Assignment, partitionId } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import { newestIdSql } from '../window/window-sql.ts';
import { rejectMissingRows } from '../leader/check-tables.ts';
import type { Identity, KnownTicks } from './judge.ts';
import type { Reach } from './reach.ts';

/** Reads the nonces of some ticks, as far as they are retained, by primary key. */
export async function readKnownTicks(
  executor: Executor,
  epoch: number,
  numbers: Iterable<bigint>,
): Promise<KnownTicks> {
  const ticks = await executor.query<{ number: string; nonce: string }>(
    'select number::text, nonce from converge.tick where number = any ($1::bigint[])',
    [[...new Set(numbers)].map(String)],
  );
  const bounds = await executor.query<{ latest: string }>(
    'select max(number)::text as latest from converge.tick',
  );
  return {
    epoch,
    nonces: new Map(ticks.rows.map(({ number, nonce }) => [BigInt(number), nonce])),
    latest: BigInt(bounds.rows[0]?.latest ?? '0'),
  };
}

/** What a log is compared with, beside the ticks of its records. */
export interface DatabaseFacts {
  readonly reach: Reach;
  /** The last id that the outbox's sequence gave, and the highest that the latest tick saw given. */
  readonly sequence: bigint;
  readonly ceil: bigint;
  /** xmax of the latest tick's snapshot. */
  readonly tickXmax: bigint;
  readonly identity: Identity;
  /** The identity of the database in which a relay last led. */
  readonly led: Identity;
}

const databaseSql = `
  select tick.number::text as latest, (extract(epoch from clock_timestamp() - tick.created_at) * 1000)::float8 as since,
         pg_snapshot_xmax(tick.snapshot)::text as xmax, ${newestIdSql}::text as sequence, tick.ceil::text as ceil,
         (select oid::text from pg_database where datname = current_database()) as oid,
         pg_snapshot_xmax(pg_current_snapshot())::text as next,
         led.system_identifier as "ledSystem", led.database_oid::text as "ledOid", led.next_xid::text as "ledNext"
    from converge.tick cross join converge.relay_source as led order by tick.number desc limit 1`;

interface DatabaseRow {
  readonly latest: string;
  readonly since: number;
  readonly xmax: string;
  readonly sequence: string;
  readonly ceil: string;
  readonly oid: string;
  readonly next: string;
  readonly ledSystem: string | null;
  readonly ledOid: string | null;
  readonly ledNext: string | null;
}

/** Reads what the database is and how far it reaches. Not inside a transaction: the question about the cluster may be refused. */
export async function readDatabase(executor: Executor, epoch: number): Promise<DatabaseFacts> {
  const [row] = (await executor.query<DatabaseRow>(databaseSql)).rows;
  if (row === undefined) return rejectMissingRows(executor);
  const { latest, since: sinceLatestMs, ledSystem, ledOid, ledNext } = row;
  const sequence = BigInt(row.sequence);
  const ceil = BigInt(row.ceil);
  return {
    reach: { epoch, latest: BigInt(latest), sequence: sequence > ceil ? sequence : ceil, sinceLatestMs },
    sequence,
    ceil,
    tickXmax: BigInt(row.xmax),
    identity: { system: await systemIdentifier(executor), database: row.oid, nextXid: BigInt(row.next) },
    led: {
      system: ledSystem ?? undefined,
      database: ledOid ?? undefined,
      nextXid: ledNext === null ? undefined : BigInt(ledNext),
    },
  };
}

/** Offsets whose records an operator disowned, by partition. */
export async function readDisowned(executor: Executor): Promise<ReadonlyMap<string, ReadonlySet<bigint>>> {
  const { rows } = await executor.query<{ topic: string; partition: number; offset: string }>(
    `select topic, split_part(place, '/', 1)::int as partition, split_part(place, '/', 2) as "offset"
       from converge.relay_topic cross join unnest(disowned) as place`,
  );
  const byPlace = Map.groupBy(rows, ({ topic, partition }) => partitionId(topic, partition));
  return new Map(
    [...byPlace].map(([place, all]) => [place, new Set(all.map(({ offset }) => BigInt(offset)))]),
  );
}

async function systemIdentifier(executor: Executor): Promise<string | undefined> {
  try {
    const { rows } = await executor.query<{ system: string }>(
      'select system_identifier::text as system from pg_control_system()',
    );
    return rows[0]?.system;
  } catch (error) {
    if (sqlState(error) !== '42501') throw error;
    return undefined;
  }
}

export interface LogEnd extends Assignment {
  readonly latest: bigint;
}

/**
 * Saves the database that a leader led in, the log ends, and each signing offset. Each row is compared with the term.
 * It is one statement with HOT updates.
 */
export async function saveComparison(
  executor: Executor,
  term: bigint,
  { identity, ends }: { readonly identity: Identity; readonly ends: readonly LogEnd[] },
  signedBy: string | undefined,
): Promise<void> {
  await executor.query(
    `with ended as (
       update converge.relay_cursor as c
          set log_end = v.latest, signed_by = $8,
              signed_from = case when c.signed_by = $8 then c.signed_from when $8::text is not null then v.latest end
         from unnest($2::text[], $3::int[], $4::bigint[]) as v (topic, partition, latest)
        where c.topic = v.topic and c.partition = v.partition and c.term = $1::bigint
          and (c.log_end is distinct from v.latest or c.signed_by is distinct from $8)
     )
     update converge.relay_source
        set system_identifier = coalesce($5, system_identifier), database_oid = coalesce($6::oid, database_oid),
            next_xid = coalesce($7::xid8, next_xid)
      where term = $1::bigint`,
    [
      term.toString(),
      ends.map(({ topic }) => topic),
      ends.map(({ partition }) => partition),
      ends.map(({ latest }) => latest.toString()),
      identity.system ?? null,
      identity.database ?? null,
      identity.nextXid?.toString() ?? null,
      signedBy ?? null,
    ],
  );
}
