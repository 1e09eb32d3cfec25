import type { Pool } from 'pg';
import type { Session } from '../session.ts';
import { askFresh } from './fresh-connection.ts';
import type { ServerView } from './silence.ts';

// It runs on a connection with the defaults of server and role, so it depends on no setting.
const STATES = `
  select pg_catalog.pg_is_in_recovery() as "inRecovery", s.pid, s.state,
         extract(epoch from s.backend_start)::pg_catalog.text as "startedAt"
    from (select) one
    left join pg_catalog.pg_stat_activity s on s.pid operator(pg_catalog.=) any ($1::pg_catalog.int4[])`;

interface Row {
  readonly inRecovery: boolean;
  readonly pid: number | null;
  readonly state: string | null;
  readonly startedAt: string | null;
}

/** Returns the name of a session among all past and future ones of its server. */
export function sessionName({ pid, startedAt }: Pick<Session, 'pid' | 'startedAt'>): string {
  return `${pid} ${startedAt}`;
}

/** Reads the states of server sessions on a fresh connection; `pids` are theirs. */
export async function readSessionStates(
  pool: Pool,
  pids: readonly number[],
  limitMs: number,
): Promise<ServerView> {
  const rows = await askFresh<Row>(pool, STATES, { limitMs, values: [pids] });
  const states = rows.flatMap(({ pid, startedAt, state }) =>
    pid === null || startedAt === null ? [] : [[sessionName({ pid, startedAt }), state] as const],
  );
  return { states: new Map(states), inRecovery: rows[0]?.inRecovery ?? false };
}
