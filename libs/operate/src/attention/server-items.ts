import type { Executor } from '@convergekit/postgres';
import { alarmDefinitions, countWaitingCommits } from '@convergekit/relay/operate';
import type { AttentionItem } from './item.ts';

/** What a server itself says: whatever its tables hold, nothing works where one of these is wrong. */
interface ServerState {
  readonly isStandby: boolean;
  readonly waitingCommits: number;
}

/** Reads the state of a server, from none of its tables. */
export async function readServer(executor: Executor): Promise<ServerState> {
  const { rows } = await executor.query<{ isStandby: boolean }>('select pg_is_in_recovery() as "isStandby"');
  return { isStandby: rows[0]?.isStandby === true, waitingCommits: await countWaitingCommits(executor) };
}

/** Describes a server on which no service can work (pure), whatever is sound in its tables. */
export function serverItems({ isStandby, waitingCommits }: ServerState): readonly AttentionItem[] {
  const found: AttentionItem[] = [];
  if (isStandby)
    found.push({
      kind: 'server',
      severity: 'act',
      alarm: 'server_is_standby',
      text: 'this server is a standby: emits, relays and consumers need the primary, and what is shown is as old as its copy',
      since: null,
      next: 'set the address of this database to the primary, or promote this server',
      about: {},
    });
  if (waitingCommits > 0)
    found.push({
      kind: 'server',
      severity: 'act',
      alarm: 'commits_wait',
      text: `${waitingCommits} commits wait for a synchronous standby that does not answer: nothing is written or published, and what else is wrong is not looked at, since a commit that waits keeps its locks`,
      since: null,
      next: alarmDefinitions.commits_wait.next,
      about: {},
    });
  return found;
}
