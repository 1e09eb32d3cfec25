/**
 * The maximum of running transactions that are left out, oldest first: they have written most, and each costs a probe.
 */
export const OPEN_MOST = 64;

/** A row whose xid is in `gap (first, last)`. */
export const INSIDE_GAP = `(xid, id) >= (gap.first, 0) and (xid, id) <= (gap.last, ${2n ** 63n - 1n})`;

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
