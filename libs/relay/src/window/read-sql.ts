import { type CopyExecutor, quoteLiteral, type TupleBlock, TupleReader } from '@convergekit/postgres/engine';
import { bytesOf, INSIDE_GAP, OPEN_MOST, pruneFrom } from './fresh-sql.ts';
import { COLUMNS } from './outbox-rows.ts';
import type { Snapshot, Tick } from './tick.ts';

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
 * The xids from `from` below `below`, cut at those that run at the tick: see fresh-sql.ts. The result is rows of
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
// the transactions that run at the tick: see fresh-sql.ts. A row of nulls replaces the rows when they exceed a page or
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
