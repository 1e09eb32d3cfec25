import type { Executor } from '@convergekit/postgres';
import { LEASE } from '../options.ts';

/** An outbox that no relay leads. */
export interface Leaderless {
  /** The last leader; null: there was none. */
  readonly holder: string | null;
  /** When its lease ended; null: it gave the lease back. */
  readonly since: Date | null;
  /** The login of the last leader; null: it was not recorded. */
  readonly login: string | null;
  /** What the catalog says of that login; null: it does not exist. */
  readonly role: {
    readonly canLogin: boolean;
    readonly canConnect: boolean;
    readonly validUntil: Date | null;
    readonly isOver: boolean;
    /** Its open sessions in this database. */
    readonly sessions: number;
  } | null;
}

type Row = Pick<Leaderless, 'holder' | 'since' | 'login'> & {
  readonly canLogin: boolean | null;
  readonly canConnect: boolean | null;
  readonly validUntil: Date | null;
  readonly isOver: boolean;
  readonly sessions: number;
};

// Every role may read these columns of the catalog and of the sessions.
const leaderlessSql = `
  select l.holder, case when isfinite(l.expires_at) then l.expires_at end as since, s.login, r.rolcanlogin as "canLogin",
         case when r.oid is not null then has_database_privilege(r.oid, current_database(), 'connect') end as "canConnect",
         case when isfinite(r.rolvaliduntil) then r.rolvaliduntil end as "validUntil",
         coalesce(r.rolvaliduntil < clock_timestamp(), false) as "isOver",
         (select count(*)::int from pg_stat_activity a
           where a.usesysid = r.oid and a.datname = current_database() and a.pid <> pg_backend_pid()) as sessions
    from converge.relay_source s
    left join converge.lease l on l.name = $1
    left join pg_roles r on r.rolname = s.login
   where l.name is null or l.expires_at <= clock_timestamp()`;

/** Reads why no relay may lead, as far as the database knows. Undefined: one leads. */
export async function readLeaderless(executor: Executor): Promise<Leaderless | undefined> {
  const [row] = (await executor.query<Row>(leaderlessSql, [LEASE])).rows;
  if (row === undefined) return undefined;
  const { holder, since, login, canLogin, canConnect, validUntil, isOver, sessions } = row;
  const role =
    canLogin === null ? null : { canLogin, canConnect: canConnect === true, validUntil, isOver, sessions };
  return { holder, since, login, role };
}
