import type { Executor } from '@convergekit/postgres';
import { givenColumns } from '@convergekit/postgres/engine';
import { type PartitionKey, type Saved, type Stand, THIS_SERVER } from './fence-sql.ts';
import type { MovedMark } from '../plan/judge.ts';

export interface SessionLimits {
  /** The milliseconds after which the server ends a slice with a silent client, which holds the fence row. */
  readonly idleMs: number;
  /** The milliseconds after which the server ends a slice (from Postgres 17 on; before, only `idleMs` applies). */
  readonly transactionMs: number;
  /** The server ends a single statement that takes longer: an abandoned handler would delay the rollback. */
  readonly statementMs: number;
  /** The time a statement waits for a lock, including the fence row, in milliseconds. */
  readonly lockMs: number;
}

/**
 * The select list that sets the limits for the transaction only (parameters $1 to $4). Nothing leaks through a pooler.
 */
export function limitColumns(serverVersion: number): string {
  return `set_config('idle_in_transaction_session_timeout', $1, true), set_config('lock_timeout', $2, true),
         set_config('statement_timeout', $3, true), ${serverVersion < 170_000 ? '$4::text' : `set_config('transaction_timeout', $4, true)`}`;
}

export function limitValues({
  idleMs,
  lockMs,
  statementMs,
  transactionMs,
}: SessionLimits): readonly string[] {
  return [idleMs, lockMs, statementMs, transactionMs].map(String);
}

/** Limits a transaction that is not a slice. */
export async function limitSession(
  tx: Executor,
  limits: SessionLimits,
  serverVersion: number,
): Promise<void> {
  await tx.query(`select ${limitColumns(serverVersion)}`, limitValues(limits));
}

/** Reads the server's version as `server_version_num`: 180001 is 18.1. */
export async function serverVersion(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  return Number(rows[0]?.version);
}

/** The move of one partition: the rows that a slice moves, and their present values. */
export interface Move {
  readonly key: PartitionKey;
  readonly expected: Saved;
  readonly next: Stand;
  /** Marks of distinct sources and epochs. */
  readonly marks: readonly MovedMark[];
}

interface Mark {
  readonly key: PartitionKey;
  readonly mark: MovedMark;
}

const moveColumns = givenColumns<Move>({
  topic: ['text', ({ key }) => key.topic],
  partition: ['int', ({ key }) => key.partition],
  expected: ['bigint', ({ expected }) => `${expected.nextOffset}`],
  expected_fills: ['bigint', ({ expected }) => `${expected.fills}`],
  server: ['text', ({ expected }) => expected.server],
  next_offset: ['bigint', ({ next }) => `${next.nextOffset}`],
  fills: ['bigint', ({ next }) => `${next.fills}`],
});

/** The watermark, and the event at it: null where it is not known. */
const markColumns = givenColumns<Mark>({
  topic: ['text', ({ key }) => key.topic],
  partition: ['int', ({ key }) => key.partition],
  source: ['uuid', ({ mark }) => mark.source],
  epoch: ['int', ({ mark }) => mark.position.epoch],
  tick: ['bigint', ({ mark }) => `${mark.position.tick}`],
  id: ['bigint', ({ mark }) => `${mark.position.id}`],
  seen_offset: ['bigint', ({ mark }) => mark.last?.offset.toString()],
  seen_event: ['text', ({ mark }) => mark.last?.id],
  prev_epoch: ['int', ({ mark }) => mark.last?.prev?.epoch],
  prev_tick: ['bigint', ({ mark }) => mark.last?.prev?.tick.toString()],
  prev_id: ['bigint', ({ mark }) => mark.last?.prev?.id.toString()],
  newest_ms: ['bigint', ({ mark }) => mark.last && Math.trunc(mark.last.newestMs)],
  unknown_until: ['bigint', ({ mark }) => mark.last && Math.trunc(mark.last.unknownUntilMs)],
});

const WATERMARK = `source, epoch, tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until`;
const UNMOVED = `p.consumer = $5 and p.topic = m.topic and p.partition = m.partition
       and p.next_offset = m.expected and p.fills = m.expected_fills and m.server = limits.server and p.state = 'running'`;

/** Fences of several partitions: one that is locked is missing in the answer, instead of waited for. */
const lockedSql = `
  locked as materialized (
    select m.* from limits, moves m, converge.inbox_partition p where ${UNMOVED}
       for no key update of p skip locked),`;

/**
 * The first statement of every slice does all of the inbox's own work, in one round trip:
 * - the session limits, which already apply to this statement's own wait for a lock (the join needs their row first), and the database that answers;
 * - the fences: their rows stay locked until the commit. A slice of one partition waits for its fence, so that a second
 *   owner waits here and then moves zero rows, before any of its handlers runs. One of several waits for none: two of them
 *   cannot deadlock by fences, and a session that holds one fence holds up no other partition. Primary key look-ups, HOT
 *   updates;
 * - the versions of the registered types, from the locked rows: a snapshot may be older than the lock;
 * - the watermarks of the fences that moved: a row per source and epoch of the slice, nearly always one. The fence guards
 *   these rows against other writers. Primary key look-ups, HOT updates.
 */
const openSql = (serverVersion: number, size: 'one' | 'many', isJoint: boolean): string => `
  with limits as materialized (select ${limitColumns(serverVersion)}, ${THIS_SERVER} as server),
  moves as (${moveColumns.select(size, 6)}),${isJoint ? lockedSql : ''}
  fence as (
    update converge.inbox_partition p set next_offset = m.next_offset, fills = m.fills
      from limits, ${isJoint ? 'locked' : 'moves'} m
     where ${UNMOVED}
    returning p.topic, p.partition, p.types_version),
  marks as (
    insert into converge.inbox_watermark (consumer, topic, partition, ${WATERMARK})
    select $5, f.topic, f.partition, m.source, m.epoch, m.tick, m.id, m.seen_offset, m.seen_event, m.prev_epoch, m.prev_tick,
           m.prev_id, m.newest_ms, m.unknown_until
      from fence f
      join (${markColumns.select(size, 13)}) as m on m.topic = f.topic and m.partition = f.partition
    on conflict (consumer, topic, partition, source, epoch) do update
       set (tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until)
         = (excluded.tick, excluded.id, excluded.seen_offset, excluded.seen_event, excluded.prev_epoch,
            excluded.prev_tick, excluded.prev_id, excluded.newest_ms, excluded.unknown_until))
  select topic, partition, types_version as types from fence`;

/** Texts that were made: a session finds its kept statements by them. */
const texts = new Map<string, string>();

function textOf(serverVersion: number, size: 'one' | 'many', isJoint: boolean): string {
  const key = `${serverVersion} ${size} ${isJoint}`;
  let text = texts.get(key);
  if (text === undefined) texts.set(key, (text = openSql(serverVersion, size, isJoint)));
  return text;
}

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly types: string;
}

/**
 * Opens a slice of partitions of one consumer. Returns their versions of the registered types, in the order of the moves;
 * undefined: a fence was moved by another owner, its partition was halted, or one of several is locked.
 */
export async function openSlice(
  tx: Executor,
  moves: readonly Move[],
  limits: SessionLimits,
  serverVersion: number,
): Promise<readonly string[] | undefined> {
  const marks = moves.flatMap(({ key, marks: of }) => of.map((mark) => ({ key, mark })));
  const size = moves.length === 1 && marks.length === 1 ? 'one' : 'many';
  const { rows } = await tx.query<Row>(textOf(serverVersion, size, moves.length > 1), [
    ...limitValues(limits),
    moves[0]?.key.consumer ?? '',
    ...moveColumns.values(size, moves),
    ...markColumns.values(size, marks),
  ]);
  if (rows.length < moves.length) return undefined;
  const versions = new Map(rows.map(({ topic, partition, types }) => [`${topic}/${partition}`, types]));
  return moves.map(({ key }) => versions.get(`${key.topic}/${key.partition}`) ?? '');
}
