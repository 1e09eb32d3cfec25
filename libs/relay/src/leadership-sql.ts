import { START } from '@convergekit/contracts';
import { acquireLease, type Executor } from '@convergekit/postgres';
import type { Cursor } from './cursor.ts';
import type { SourceIdentity } from './encode.ts';

export interface TopicRecord {
  readonly topic: string;
  readonly partitions: number | undefined;
  readonly heldAt: bigint | undefined;
  readonly heldReason: string | undefined;
  /** The broker's id of it. */
  readonly topicId?: string | undefined;
}

export interface CursorRecord extends Cursor {
  readonly topic: string;
  readonly partition: number;
  /** The log's end when a leader last took over. */
  readonly logEnd?: bigint;
  /** The id of the key that its leaders sign with, and the log's end when the first of them took over. */
  readonly signed?: { readonly by: string; readonly from: bigint };
  /** With which the row is found: see settle-sql.ts. */
  readonly save?: bigint;
}

export interface Takeover {
  readonly term: bigint;
  readonly source: SourceIdentity;
  readonly doneTick: bigint;
  readonly topics: readonly TopicRecord[];
  readonly cursors: readonly CursorRecord[];
}

export type TakeoverOutcome =
  | { readonly kind: 'leading'; readonly takeover: Takeover }
  | { readonly kind: 'standby'; readonly heldBy: string };

/**
 * Takes the lease and stamps the new term into every row that the relay settles, in the caller's one transaction, and
 * begins from what the updates *return*: a settle of the deposed leader that was first is in there, and one that comes
 * later finds another term in its own row. A read before the update could be older than such a settle.
 */
export async function takeOver(
  tx: Executor,
  lease: { readonly name: string; readonly holder: string; readonly ttlMs: number },
): Promise<TakeoverOutcome> {
  const outcome = await acquireLease(tx, lease);
  if (outcome.kind === 'held') return { kind: 'standby', heldBy: outcome.heldBy };
  const term = outcome.term.toString();
  const sources = await tx.query<{ id: string; name: string; epoch: number }>(
    'select id::text, name, epoch from converge.source',
  );
  const source = sources.rows[0];
  if (source === undefined) throw new Error('converge.source is empty: run `converge migrate`');
  const topics = await stampTopics(tx, term);
  const cursors = await stampCursors(tx, term, source.epoch);
  const done = await tx.query<{ done_tick: string }>(
    'update converge.relay_source set term = $1 returning done_tick::text',
    [term],
  );
  const doneTick = done.rows[0]?.done_tick;
  if (doneTick === undefined) throw new Error('converge.relay_source is empty: run `converge migrate`');
  return {
    kind: 'leading',
    takeover: {
      term: outcome.term,
      source,
      doneTick: BigInt(doneTick),
      topics,
      cursors,
    },
  };
}

async function stampTopics(tx: Executor, term: string): Promise<TopicRecord[]> {
  const { rows } = await tx.query<{
    topic: string;
    partitions: number | null;
    held_at: string | null;
    held_reason: string | null;
    topic_id: string | null;
  }>(
    'update converge.relay_topic set term = $1 returning topic, partitions, held_at::text, held_reason, topic_id',
    [term],
  );
  return rows.map((row) => ({
    topic: row.topic,
    partitions: row.partitions ?? undefined,
    heldAt: row.held_at === null ? undefined : BigInt(row.held_at),
    heldReason: row.held_reason ?? undefined,
    topicId: row.topic_id ?? undefined,
  }));
}

export interface CursorRow {
  readonly topic: string;
  readonly partition: number;
  readonly epoch: number;
  readonly tick: string;
  readonly id: string;
  readonly passed_tick: string;
  readonly passed_id: string;
  readonly log_end: string | null;
  readonly save: string;
  readonly signed_by: string | null;
  readonly signed_from: string | null;
}

export const cursorColumns =
  'topic, partition, epoch, tick::text, id::text, passed_tick::text, passed_id::text, log_end::text, save::text, signed_by, signed_from::text';

async function stampCursors(tx: Executor, term: string, epoch: number): Promise<CursorRecord[]> {
  const { rows } = await tx.query<CursorRow>(
    `update converge.relay_cursor set term = $1 returning ${cursorColumns}`,
    [term],
  );
  return rows.map((row) => cursorOf(row, epoch));
}

export async function readCursors(
  executor: Executor,
  topics: readonly string[],
  epoch: number,
): Promise<readonly CursorRecord[]> {
  const { rows } = await executor.query<CursorRow>(
    `select ${cursorColumns} from converge.relay_cursor where topic = any ($1::text[])`,
    [topics],
  );
  return rows.map((row) => cursorOf(row, epoch));
}

/** `epoch` is the source's. */
export function cursorOf(row: CursorRow, epoch: number): CursorRecord {
  return {
    topic: row.topic,
    partition: row.partition,
    epoch: row.epoch,
    tick: BigInt(row.tick),
    id: row.id,
    save: BigInt(row.save),
    ...(row.epoch < epoch ? { passed: { tick: BigInt(row.passed_tick), id: row.passed_id } } : {}),
    ...(row.log_end === null ? {} : { logEnd: BigInt(row.log_end) }),
    ...(row.signed_by === null || row.signed_from === null
      ? {}
      : { signed: { by: row.signed_by, from: BigInt(row.signed_from) } }),
  };
}

export interface Fence {
  readonly lease: string;
  readonly term: bigint;
}

// FOR SHARE on the lease: a takeover in progress is waited for and then seen, one that comes later waits for us and
// finds these rows. So no cursor row can appear with an old term after a takeover.
const registerSql = `
  with mine as (select term from converge.lease where name = $1 and term = $2::bigint for share),
  recorded as (
    insert into converge.relay_topic (topic, partitions, term) select $3, $4::int, term from mine
    on conflict (topic) do update set partitions = excluded.partitions where relay_topic.partitions is null
    returning 1
  )
  select (select count(*) from mine)::int as mine, (select count(*) from recorded)::int as recorded`;

const cursorsSql = `
  insert into converge.relay_cursor (topic, partition, epoch, tick, id, term)
  select $3, partition, $5::int, $6::bigint, $7::bigint, mine.term
    from (select term from converge.lease where name = $1 and term = $2::bigint for share) as mine,
         generate_series(0, $4::int - 1) as partition
   where not exists (select from converge.relay_cursor c where c.topic = $3 and c.partition = partition.partition)`;

/** Records a topic's partition count and makes its cursor rows, in the caller's transaction. False: deposed. */
export async function registerTopic(
  tx: Executor,
  { lease, term }: Fence,
  topic: string,
  partitions: number,
): Promise<boolean> {
  const fenced = [lease, term.toString(), topic, partitions];
  const { rows } = await tx.query<{ mine: number }>(registerSql, fenced);
  if (rows[0]?.mine !== 1) return false;
  await tx.query(cursorsSql, [...fenced, START.epoch, START.tick.toString(), START.id.toString()]);
  return true;
}

/** Writes that a topic is held from window `heldAt` on, or from an earlier one as it was. Must commit before done_tick passes that window. */
export async function holdTopic(
  executor: Executor,
  { lease, term }: Fence,
  hold: { readonly topic: string; readonly heldAt: bigint; readonly reason: string },
): Promise<boolean> {
  const { rowCount } = await executor.query(
    `insert into converge.relay_topic (topic, held_at, held_reason, term)
     select $3, $4::bigint, $5, term
       from (select term from converge.lease where name = $1 and term = $2::bigint for share) as mine
     on conflict (topic) do update set held_at = least(relay_topic.held_at, excluded.held_at), held_reason = excluded.held_reason
       where relay_topic.term = excluded.term`,
    [lease, term.toString(), hold.topic, hold.heldAt.toString(), hold.reason],
  );
  return rowCount === 1;
}
