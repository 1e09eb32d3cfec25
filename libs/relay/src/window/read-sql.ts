import { type CopyExecutor, quoteLiteral, type TupleBlock, TupleReader } from '@convergekit/postgres/engine';
import { COLUMNS } from './outbox-rows.ts';
import type { Snapshot, Tick } from './tick.ts';

/**
 * The maximum of running transactions that are left out, oldest first: they have written most, and each costs a probe.
 */
const OPEN_MOST = 64;

/** A row whose xid is in `gap (first, last)`. */
const INSIDE_GAP = `(xid, id) >= (gap.first, 0) and (xid, id) <= (gap.last, ${2n ** 63n - 1n})`;

/** Ids of one child of the outbox, usually. */
const CHILD_IDS = 1_000_000n;

/**
 * The lower bound of id for reads by xid. It only prunes children, so it begins a child earlier: with a narrow range, as
 * the planner counts it, the primary key would look better than the index on xid, and it reads invisible rows.
 */
export function pruneFrom(lowest: bigint, childIds = CHILD_IDS): bigint {
  return lowest > childIds ? lowest - childIds : 1n;
}

export interface FreshArms {
  /** Names of the outbox's columns, as in `select`. */
  readonly columns: string;
  /** The SQL of xmax(k) and of the array xip(k): bound values, which are constants for the planner. */
  readonly xmax: string;
  readonly running: string;
  /** A further condition on the rows, as ` and id >= …`. */
  readonly and?: string;
  readonly limit: string;
}

/**
 * Selects the rows that the current snapshot sees and tick k did not, by xid index. Transactions that still run are
 * left out of both arms by xid. Their rows are invisible, but an index scan would fetch each of them to find that out:
 * one open bulk load would make every poll read all that it has written.
 * - The range from xmax(k) on is cut at each running xid, up to the current xmax (rows above it are invisible too).
 * - Only ended ones of the transactions that ran at tick k are looked up. Each probe is `order by xid limit`: the plan
 *   with a sequential scan would have to sort first. The ends of a gap are compared as rows (INSIDE_GAP): a plain pair
 *   of bounds that the planner does not know counts as 0.5 % of the table, for which it would rather sort a bitmap of
 *   both indexes, and read every id from the lowest on.
 */
export function freshArms({ columns, xmax, running, and = '', limit }: FreshArms): string {
  return `
    (select fresh.* from (
       select lag((edge.xid::text::bigint + 1)::text::xid8, 1, ${xmax}) over (order by edge.xid) as first,
              (edge.xid::text::bigint - 1)::text::xid8 as last
         from (select open.xid from (select x.xid from pg_snapshot_xip(pg_current_snapshot()) as x (xid)
                                      where x.xid >= ${xmax} order by x.xid limit ${OPEN_MOST}) as open
               union all
               select pg_snapshot_xmax(pg_current_snapshot())) as edge (xid)) as gap
       cross join lateral (
         select ${columns} from converge.outbox
          where xid >= ${xmax} and ${INSIDE_GAP}${and} order by xid limit ${limit}) as fresh
      limit ${limit})
    union all
    (select ${columns} from converge.outbox
      where xid = any (array(select x.xid from unnest(${running}) as x (xid)
                              where pg_visible_in_snapshot(x.xid, pg_current_snapshot())))${and}
      order by xid limit ${limit})`;
}

/** SQL of the size of the selected rows, in bytes. */
export const bytesOf = 'coalesce(sum(octet_length(payload) + octet_length(headers)), 0)';

export interface WindowRead {
  readonly previous: Tick;
  readonly tick: Tick;
  readonly lowest: bigint;
  /** The topic whose events are read. @default all topics */
  readonly topic?: string | undefined;
  /** Bytes of headers and payloads that an indexed read returns at most. @default 16 MiB */
  readonly bytes?: number;
}

const INDEXED_BYTES = 16 * 1024 * 1024;

/** The bounds of an indexed read: the highest xid and id. */
export interface IndexedPart {
  readonly xidBelow: bigint;
  readonly idTo: bigint;
}

// Read by COPY, whose rows are bytes that go into a record as they are. It binds nothing, so constants stand in the
// text: numbers that were parsed as such, and the topic quoted by pg. The planner must see constants anyway.
const snapshotOf = ({ xmin, xmax, running }: Snapshot): string =>
  `'${xmin}:${xmax}:${[...running].join(',')}'::pg_snapshot`;
const ofTopic = (topic: string | undefined): string =>
  topic === undefined ? '' : ` and topic = ${quoteLiteral(topic)}`;

// The transactions that ran at the previous tick and have ended by this one.
const endedIn = (previous: Snapshot, { running }: Snapshot): string =>
  `'{${[...previous.running].filter((xid) => !running.has(xid)).join(',')}}'::xid8[]`;

/**
 * The xids from `from` below `below`, cut at those that run at the tick: see freshArms. The result is rows of
 * VALUES.
 */
function gapsOf({ running }: Snapshot, from: bigint, below: bigint): string {
  const open = [...running].filter((xid) => xid >= from && xid < below).sort((a, b) => (a < b ? -1 : 1));
  let first = from;
  const gaps = [...open.slice(0, OPEN_MOST), below].map((edge) => {
    const gap = `('${first}'::xid8, '${edge - 1n}'::xid8)`;
    first = edge + 1n;
    return gap;
  });
  return gaps.join(', ');
}

// Selects a window, or its part below the floor, by the xid index. The two arms, each `order by xid limit`, leave out
// the transactions that run at the tick: see freshArms. A row of nulls replaces the rows when they exceed a page or
// its bytes.
export function indexedSql(
  { previous, tick, lowest, topic, bytes = INDEXED_BYTES }: WindowRead,
  page: number,
  { xidBelow, idTo }: IndexedPart,
): string {
  const { xmax } = previous.snapshot;
  const gaps = gapsOf(tick.snapshot, xmax, xidBelow);
  const arm = (xids: string): string => `select ${COLUMNS} from converge.outbox
      where ${xids} and id between ${pruneFrom(lowest)} and ${idTo}
        and pg_visible_in_snapshot(xid, ${snapshotOf(tick.snapshot)})${ofTopic(topic)}
      order by xid limit ${page + 1}`;
  return `
  with fresh as materialized (
    (select part.* from (values ${gaps}) as gap (first, last) cross join lateral (
      ${arm(`xid >= '${xmax}'::xid8 and ${INSIDE_GAP}`)}) as part
     limit ${page + 1})
    union all
    (${arm(`xid = any (${endedIn(previous.snapshot, tick.snapshot)})`)})
  ),
  size as materialized (select count(*) <= ${page} and ${bytesOf} <= ${Math.floor(bytes)} as fits from fresh)
  select ${COLUMNS} from fresh where (select fits from size)
  union all
  select null, null, null, null, null, null, null, null, null where not (select fits from size)
   order by id`;
}

/**
 * Reads rows of the window with `xid < xidBelow` or running at the previous tick, and `id <= idTo`. undefined when they
 * exceed a page or its bytes.
 */
export async function readIndexed(
  executor: CopyExecutor,
  read: WindowRead,
  page: number,
  part: IndexedPart,
): Promise<readonly TupleBlock[] | undefined> {
  const blocks: TupleBlock[] = [];
  for await (const block of executor.copy(indexedSql(read, page, part))) blocks.push(block);
  const [first] = blocks;
  return first !== undefined && isNull(first) ? undefined : blocks;
}

function isNull(block: TupleBlock): boolean {
  const tuples = new TupleReader();
  tuples.load(block);
  tuples.next();
  tuples.field();
  return tuples.length < 0;
}

// A page by primary key. Both ends of the range are given: without the upper one, the last page of a window walks over
// everything that was written after it.
export function walkSql({ previous, tick, topic }: WindowRead, page: number, after: bigint): string {
  return `
  select ${COLUMNS} from converge.outbox
   where id > ${after} and id <= ${tick.ceil}
     and pg_visible_in_snapshot(xid, ${snapshotOf(tick.snapshot)})
     and not pg_visible_in_snapshot(xid, ${snapshotOf(previous.snapshot)})${ofTopic(topic)}
   order by id limit ${page}`;
}
