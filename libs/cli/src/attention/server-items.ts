import type { Executor } from '@convergekit/postgres';
import type { AttentionItem } from './item.ts';

/** Asks whether a server is a standby, which takes no writes. */
export async function readInRecovery(executor: Executor): Promise<boolean> {
  const { rows } = await executor.query<{ isStandby: boolean }>('select pg_is_in_recovery() as "isStandby"');
  return rows[0]?.isStandby === true;
}

/** Describes a server that is a standby (pure): whatever is sound in its copy, no service can work there. */
export function serverItems(isStandby: boolean): readonly AttentionItem[] {
  if (!isStandby) return [];
  return [
    {
      kind: 'server',
      severity: 'act',
      alarm: 'server_is_standby',
      text: 'this server is a standby: emits, relays and consumers need the primary, and what is shown is as old as its copy',
      since: null,
      next: 'set the address of this database to the primary, or promote this server',
      about: {},
    },
  ];
}
