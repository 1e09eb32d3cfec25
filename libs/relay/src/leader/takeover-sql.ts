import type { Assignment } from '@convergekit/broker/engine';
import { readSource, type Source } from '@convergekit/outbox/engine';
import { acquireLease, SERVER_STARTED } from '@convergekit/postgres/engine';
import type { Executor } from '@convergekit/postgres';
import type { Position } from '@convergekit/contracts/engine';
import { rejectMissingRows } from './check-tables.ts';

/** A topic as the database has it. Operators may change it while a leader holds it. */
export interface TopicRecord {
  readonly topic: string;
  /** undefined until the topic was found. */
  readonly partitions: number | undefined;
  /** The first window that may miss events of the topic; undefined: it flows. */
  readonly heldAt: bigint | undefined;
  /** The reason of the hold, `CODE: detail`. */
  readonly heldReason: string | undefined;
  /** The broker's id of the topic. */
  readonly topicId: string | undefined;
  /** True when an operator accepted a log that lacks what was acknowledged. */
  readonly recreated: boolean;
  /** The partition count that an operator asked for; undefined: none. */
  readonly wanted: number | undefined;
  /** The last window to send with the recorded count; undefined: no leader has seen the request. */
  readonly drainTo: bigint | undefined;
}

export interface TopicRow {
  readonly topic: string;
  readonly partitions: number | null;
  readonly held_at: string | null;
  readonly held_reason: string | null;
  readonly topic_id: string | null;
  readonly made_again: boolean;
  readonly wanted: number | null;
  readonly drain_to: string | null;
}

export const topicColumns =
  'topic, partitions, held_at::text, held_reason, topic_id, made_again, wanted, drain_to::text';

export function topicOf(row: TopicRow): TopicRecord {
  return {
    topic: row.topic,
    partitions: row.partitions ?? undefined,
    heldAt: row.held_at === null ? undefined : BigInt(row.held_at),
    heldReason: row.held_reason ?? undefined,
    topicId: row.topic_id ?? undefined,
    recreated: row.made_again,
    wanted: row.wanted ?? undefined,
    drainTo: row.drain_to === null ? undefined : BigInt(row.drain_to),
  };
}

/** The position up to which a partition's log is known to be written. */
export interface Cursor extends Position {
  /**
   * The place up to which the log holds events of this timeline, while the cursor is of an older epoch. Such a cursor
   * may name an event that this timeline does not have. Numbers of ticks continue over a fork, so `passed` is compared
   * like the cursor.
   */
  readonly passed?: { readonly tick: bigint; readonly id: bigint };
}

export interface CursorRecord extends Cursor, Assignment {
  /** The log's end when a leader last took over. */
  readonly logEnd?: bigint;
  /** The id of the leaders' signing key, and the log's end when the first of them took over. */
  readonly signed?: { readonly by: string; readonly from: bigint };
  /** The value by which the row is found: see save-sql.ts. */
  readonly save?: bigint;
}

export interface Takeover {
  readonly term: bigint;
  /** The server of the takeover: positions are saved on no other. */
  readonly server: string;
  readonly source: Source;
  readonly doneTick: bigint;
  readonly topics: readonly TopicRecord[];
  readonly cursors: readonly CursorRecord[];
}

export type TakeoverOutcome =
  | { readonly kind: 'leading'; readonly takeover: Takeover }
  | { readonly kind: 'standby'; readonly heldBy: string; readonly expiresAt: Date };

/**
 * Takes the lease and stamps the new term into every row that the relay saves, in the caller's transaction. It begins
 * from what the updates *return*: an earlier save of the deposed leader is included, and a later one finds another term
 * in its row. A read before the update could be older than such a save.
 */
export async function takeOver(
  tx: Executor,
  lease: { readonly name: string; readonly holder: string; readonly ttlMs: number },
): Promise<TakeoverOutcome> {
  const outcome = await acquireLease(tx, lease);
  if (outcome.kind === 'held')
    return { kind: 'standby', heldBy: outcome.heldBy, expiresAt: outcome.expiresAt };
  const term = outcome.term.toString();
  const source = await readSource(tx);
  const topics = await stampTopics(tx, term);
  const cursors = await stampCursors(tx, term, source.epoch);
  const done = await tx.query<{ done_tick: string; server: string }>(
    `update converge.relay_source set term = $1, login = session_user returning done_tick::text, ${SERVER_STARTED}::text as server`,
    [term],
  );
  const [row] = done.rows;
  if (row === undefined) return rejectMissingRows(tx);
  return {
    kind: 'leading',
    takeover: {
      term: outcome.term,
      source,
      server: row.server,
      doneTick: BigInt(row.done_tick),
      topics,
      cursors,
    },
  };
}

async function stampTopics(tx: Executor, term: string): Promise<TopicRecord[]> {
  const { rows } = await tx.query<TopicRow>(
    `update converge.relay_topic set term = $1 returning ${topicColumns}`,
    [term],
  );
  return rows.map(topicOf);
}

export interface CursorRow extends Assignment {
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
    id: BigInt(row.id),
    save: BigInt(row.save),
    ...(row.epoch < epoch ? { passed: { tick: BigInt(row.passed_tick), id: BigInt(row.passed_id) } } : {}),
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
