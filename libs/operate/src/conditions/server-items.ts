import type { Executor } from '@convergekit/postgres';
import { alarmDefinitions, countWaitingCommits } from '@convergekit/relay/operate';
import type { FoundCondition } from './found.ts';

/** What a server itself says: whatever its tables hold, nothing works where one of these is wrong. */
interface ServerState {
  readonly isStandby: boolean;
  readonly waitingCommits: number;
  /** The synchronous standbys of its settings, where none of them is connected; null = one is, or the role may not see it. */
  readonly absent: string | null;
}

const sql = `
  select pg_is_in_recovery() as "isStandby",
         case when pg_has_role('pg_read_all_stats', 'usage')
               and not exists (select from pg_stat_replication where sync_state in ('sync', 'quorum'))
              then nullif(current_setting('synchronous_standby_names'), '') end as absent`;

/** Reads the state of a server, from none of its tables. */
export async function readServer(executor: Executor): Promise<ServerState> {
  const { rows } = await executor.query<{ isStandby: boolean; absent: string | null }>(sql);
  const { isStandby = false, absent = null } = rows[0] ?? {};
  return { isStandby, absent, waitingCommits: await countWaitingCommits(executor) };
}

/** Describes a server on which no service can work (pure), whatever is sound in its tables. */
export function serverItems({ isStandby, waitingCommits, absent }: ServerState): readonly FoundCondition[] {
  const found: FoundCondition[] = [];
  if (isStandby)
    found.push({
      severity: 'act',
      alarm: 'server_is_standby',
      text: 'this server is a standby: emits, relays and consumers need the primary, and what is shown is as old as its copy',
      since: null,
      next: 'set the address of this database to the primary, or promote this server',
      about: {},
    });
  // One cause is one row: commits that wait say which standby is away.
  if (waitingCommits > 0)
    found.push({
      severity: 'act',
      alarm: 'commits_wait',
      text: `${waitingCommits} commits wait for a synchronous standby that does not answer${absent === null ? '' : ` (${absentText(absent)})`}: nothing is written or published, and what else is wrong is not looked at, since a commit that waits keeps its locks`,
      since: null,
      next: alarmDefinitions.commits_wait.next,
      about: {},
    });
  else if (absent !== null)
    found.push({
      severity: 'act',
      alarm: 'tick_commit_warned',
      text: `${absentText(absent)}: commits wait for it, and a tick that is not confirmed is not sent`,
      since: null,
      next: 'bring the standby back, or change synchronous_standby_names',
      about: {},
    });
  return found;
}

const absentText = (names: string): string =>
  `synchronous_standby_names is ${names} and no such standby is connected`;
