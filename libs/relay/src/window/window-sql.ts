import { ConvergeError } from '@convergekit/core';
import type { Executor } from '@convergekit/postgres';
import { SERVER_STARTED, type TupleBlock } from '@convergekit/postgres/engine';
import { rejectMissingRows } from '../leader/check-tables.ts';
import { blockOf, type OutboxRow } from './outbox-rows.ts';
import { bytesOf, freshArms, pruneFrom } from './read-sql.ts';
import { type Tick, tickOf, type TickRow } from './tick.ts';

/** The last id that the sequence gave; of one that was not called yet the last value is the next id. */
export const newestIdSql = '(select last_value - (not is_called)::int from converge.outbox_id)';

interface HeadRow {
  readonly head: string | null;
}

/**
 * The poll is fast and correct for these reasons (and so are the reads in read-sql.ts):
 * - k, xmax(k), xip(k) and the lowest id are bound, so that children are pruned, by the planner or when a kept plan
 *   starts (planning costs five times what the poll costs). As a subquery on converge.tick it scanned everything.
 * - Two arms instead of OR, each `order by xid limit`, so that even a window of a million rows costs an index scan of
 *   one page (freshArms). The order is only for the plan; rows leave in the order of id (qualified: the output
 *   column of that name is text and would sort as text).
 * - The first row is the head (json in `head`), the others are events: no column of the tick is repeated per event.
 */
const columns = 'id, event_id, topic, key, type, headers, payload, created_at';

const reply = (from: string, head: string): string => `
  select reply.head, reply.id::text as id, reply.event_id::text as event_id, reply.topic, reply.key, reply.type,
         reply.headers, reply.payload, floor(extract(epoch from reply.created_at) * 1000)::float8 as created_ms
    from (select ${head}::text as head, null::bigint as id, null::uuid as event_id, null as topic, null as key,
                 null as type, null as headers, null as payload, null::timestamptz as created_at
          union all
          select null, ${columns} from ${from}) as reply
   order by reply.id nulls first`;

const tickJson = (
  t: string,
): string => `json_build_object('number', ${t}.number::text, 'snapshot', ${t}.snapshot::text,
  'own', ${t}.own::text, 'floor', ${t}.floor::text, 'ceil', ${t}.ceil::text, 'nonce', ${t}.nonce, 'epoch', ${t}.epoch)`;

// The snapshot of this one statement is the tick's snapshot, decides what is fresh, and is older than both the tick's
// own xid and the sequence value: ceil covers every id that the window can hold. set_config makes this commit, and
// with it every commit that the snapshot saw, durable before the reply; where the wait for a standby is cancelled, the
// server only warns, so the warning must reach us whatever the session's client_min_messages. No tick passes over events that row
// security hides. The lease's term fences, and so does its server: one that was promoted may lack commits; a
// check that passed on an old snapshot leaves a normal tick, because windows are read by number. Sizes are looked at
// before rows are sent: the lengths are in the rows, so what is stored out of line is not fetched for that.
export const pollSql = `
  with durable as materialized (
    select set_config('synchronous_commit', 'on', true) as setting, set_config('client_min_messages', 'warning', true) as heard,
           row_security_active('converge.outbox') as hidden
  ),
  sequence as materialized (select last_value - (not is_called)::int as value from converge.outbox_id),
  fresh as materialized (${freshArms({
    columns,
    xmax: '$2::xid8',
    running: '$3::xid8[]',
    and: ' and id >= $4::bigint',
    limit: '$5::int + 1',
  })}),
  size as materialized (
    select count(*) as found, count(*) <= $5::int and ${bytesOf} <= $12::bigint as fits from fresh
  ),
  made as (
    insert into converge.tick (number, snapshot, own, floor, ceil, nonce, epoch, term)
    select $1::bigint, pg_current_snapshot(), pg_current_xact_id(), $6::bigint, sequence.value, $7, $8::int, lease.term
      from converge.lease, durable, sequence
     where lease.name = $9 and lease.term = $10::bigint and lease.server = ${SERVER_STARTED} and durable.setting = 'on' and durable.heard = 'warning' and not durable.hidden
       and ($11::boolean or exists (select from fresh))
    returning number, snapshot, own, floor, ceil, nonce, epoch
  )
  ${reply(
    '(select * from fresh where exists (select from made) and (select fits from size)) as fitting',
    `json_build_object('hidden', (select hidden from durable), 'sequence', (select value::text from sequence), 'found', (select found from size), 'clockMs', extract(epoch from clock_timestamp()) * 1000,
      'fits', (select fits from size), 'tick', (select ${tickJson('made')} from made))`,
  )}`;

/** The maximum of text bytes that a poll returns, which are copied: more is better read as bytes. */
export const POLL_BYTES = 4 * 1024 * 1024;

export interface PollRequest {
  readonly previous: Tick;
  readonly lowest: bigint;
  /** Rows at most in the reply; 0 asks for the tick alone. */
  readonly page: number;
  /** The maximum of bytes of headers and payloads. @default 4 MiB */
  readonly bytes?: number;
  readonly floor: bigint;
  readonly nonce: string;
  readonly epoch: number;
  readonly lease: string;
  readonly term: bigint;
  /** Make the tick even when nothing is new. */
  readonly always: boolean;
}

export interface PollReply {
  /** The sequence now: the next tick's floor. */
  readonly sequence: bigint;
  /** The time of the database, milliseconds since 1970. */
  readonly clockMs: number;
  readonly tick: Tick | undefined;
  /** The whole window in order; undefined when it exceeds the request, and is then read by number. */
  readonly rows: TupleBlock | undefined;
}

interface PollHead {
  /** True when row security may hide events from the relay's login. */
  readonly hidden: boolean;
  readonly sequence: string;
  readonly clockMs: number;
  readonly found: number;
  readonly fits: boolean;
  readonly tick: TickRow | null;
}

/** Rejects with SQLSTATE 23505 when another relay made this tick, with RELAY_RIGHTS_MISSING when events may be hidden. */
export async function pollOutbox(executor: Executor, request: PollRequest): Promise<PollReply> {
  const { previous, page, bytes = POLL_BYTES } = request;
  const { rows } = await executor.query<OutboxRow & HeadRow>(pollSql, [
    (previous.number + 1n).toString(),
    previous.snapshot.xmax.toString(),
    previous.snapshot.xip,
    pruneFrom(request.lowest).toString(),
    page,
    request.floor.toString(),
    request.nonce,
    request.epoch,
    request.lease,
    request.term.toString(),
    request.always,
    Math.floor(bytes),
  ]);
  const head = headOf(rows) as PollHead;
  if (head.hidden) throw eventsHidden();
  return {
    sequence: BigInt(head.sequence),
    clockMs: head.clockMs,
    tick: head.tick === null ? undefined : tickOf(head.tick),
    // A window ends at its ceil, here as in a read by number: an id above it was written manually.
    rows: head.fits ? blockOf(rows.filter(({ id }) => BigInt(id) <= BigInt(head.sequence))) : undefined,
  };
}

function eventsHidden(): ConvergeError {
  return new ConvergeError(
    "row security hides events of converge.outbox from the relay's login, and what it does not see it would never publish: `alter role <login> bypassrls`, or `alter table converge.outbox disable row level security`, as a superuser or the owner of the table; nothing was passed over",
    { code: 'RELAY_RIGHTS_MISSING', category: 'configuration', certainty: 'not_applied' },
  );
}

/**
 * Reads the current snapshot as text. While it stays the same, no transaction with writes has ended, so a poll that was
 * empty after the first look is still empty. No lock, no table.
 */
export async function readSnapshot(executor: Executor): Promise<string> {
  const { rows } = await executor.query<{ snapshot: string }>(
    'select pg_current_snapshot()::text as snapshot',
  );
  return rows[0]?.snapshot ?? '';
}

const tickColumns = `number::text, snapshot::text, own::text, floor::text, ceil::text, nonce, epoch`;

/** Ticks `number >= from` in order. */
export async function readTicks(executor: Executor, from: bigint, limit: number): Promise<readonly Tick[]> {
  const { rows } = await executor.query<TickRow>(
    `select ${tickColumns} from converge.tick where tick.number >= $1::bigint order by tick.number limit $2`,
    [from.toString(), limit],
  );
  return rows.map(tickOf);
}

export async function readLatestTick(executor: Executor): Promise<{ tick: Tick; sequence: bigint }> {
  const { rows } = await executor.query<TickRow & { sequence: string }>(
    `select ${tickColumns}, ${newestIdSql}::text as sequence
       from converge.tick order by tick.number desc limit 1`,
  );
  const row = rows[0];
  if (row === undefined) return rejectMissingRows(executor);
  return { tick: tickOf(row), sequence: BigInt(row.sequence) };
}

// The bisection avoids a scan from the newest tick over every tick since the oldest open transaction began. As a subquery it is
// made once; as a condition, for each tick that the planner's scan reads.
export const lowestSql = `
  select floor::text from converge.tick where tick.number = (select converge.tick_last($1::bigint, own_most => $2::xid8))`;

/** Reads the lowest id for reads after `tick` (see LowestId). */
export async function readLowestId(executor: Executor, tick: Tick): Promise<bigint> {
  const { rows } = await executor.query<{ floor: string }>(lowestSql, [
    tick.number.toString(),
    tick.snapshot.xmin.toString(),
  ]);
  return BigInt(rows[0]?.floor ?? '0') + 1n;
}

function headOf(rows: HeadRow[]): unknown {
  const head = rows.shift()?.head;
  if (head === undefined || head === null) throw new Error('the reply has no head row');
  return JSON.parse(head);
}
