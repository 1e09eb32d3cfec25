import type { Executor } from '@convergekit/postgres';

/** What an operator did to a parked event. */
export interface StoredAudit {
  readonly kind: 'audit';
  readonly at: string;
  readonly consumer: string;
  readonly eventId: string;
  readonly action: string;
  readonly by: string;
  readonly reason: string;
}

const auditSql = `
  select json_build_object('kind', 'audit', 'at', at, 'consumer', consumer, 'eventId', event_id, 'action', action, 'by', by,
           'reason', reason) as stored
    from converge.parked_audit where event_id = any ($1) order by id`;

/** Reads the acts of operators on these events, in order. It scans the audit: not for hot paths. */
export async function readAudits(
  executor: Executor,
  ids: readonly string[],
): Promise<readonly StoredAudit[]> {
  return (await executor.query<{ stored: StoredAudit }>(auditSql, [ids])).rows.map(({ stored }) => stored);
}
