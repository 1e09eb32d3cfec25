import type { Executor } from '@convergekit/postgres';

/** An act of an operator, from whichever table records it. */
export interface AuditRow {
  /** The table's name and the row's id: unique in its database. */
  readonly id: string;
  readonly at: Date;
  readonly by: string;
  /** The database role; null where the table does not record it. */
  readonly role: string | null;
  readonly action: string;
  readonly subject: string;
  readonly key: string | null;
  readonly eventId: string | null;
  readonly reason: string;
}

export interface AuditFilter {
  readonly by?: string | undefined;
  /** The beginning of an action: `parked` matches `parked skip`. */
  readonly action?: string | undefined;
  /** An event id, a key, or a part of the subject. */
  readonly about?: string | undefined;
  readonly from?: Date | undefined;
  /** Rows before this moment, or at it with a lower id, are read. */
  readonly before?: { readonly at: Date; readonly id: string } | undefined;
}

// Each table that records acts of operators, in the columns of AuditRow. Repairs that processes made on their own are no acts:
// of reconcile_audit only the rows of operators count.
const arms = {
  operator: `select 'operator/' || lpad(id::text, 12, '0') as id, at, by, role, action, subject, null::text as key,
      null::text as event_id, reason from converge.operator_audit`,
  parked: `select 'parked/' || lpad(id::text, 12, '0'), at, by, role, 'parked ' || action,
      concat(consumer, ' ', topic, ' by event ' || new_event), key, event_id,
      reason from converge.parked_audit`,
  inbox: `select 'inbox/' || lpad(id::text, 12, '0'), at, by, role, 'consumers ' || action,
      consumer || ' ' || topic || '/' || partition, null, null, reason from converge.inbox_audit`,
  rejected: `select 'rejected/' || consumer || '/' || topic || '/' || partition || '/' || record_offset, rejected_at, rejected_by, role,
      'consumers reject', consumer || ' ' || topic || '/' || partition || ' at ' || record_offset, null, null, reason
      from converge.inbox_rejected`,
  reconcile: `select 'reconcile/' || lpad(id::text, 12, '0'), at, actor, null, 'reconcile ' || verdict, reconciler, key, null, why
      from converge.reconcile_audit where verdict = 'approved'`,
  policy: `select 'policy/' || lpad(version::text, 12, '0'), changed_at, changed_by, role, 'policy set', name, null, null, reason
      from converge.policy_change`,
} as const;

// Every arm is cut at the limit before the union. Times are those of a cursor, which has milliseconds.
const armSql = (arm: string): string => `
  (select id collate "C" as id, date_trunc('milliseconds', at) as at, by, role, action, subject, key, event_id, reason
     from (${arm}) as acts (id, at, by, role, action, subject, key, event_id, reason)
    where ($1::text is null or by = $1) and ($2::text is null or starts_with(action, $2))
      and ($3::text is null or key = $3 or event_id = $3 or strpos(subject, $3) > 0)
      and ($4::timestamptz is null or at >= $4)
      and ($5::timestamptz is null or (date_trunc('milliseconds', at), id collate "C") < ($5, $6::text))
    order by 2 desc, 1 desc limit $7)`;

const auditSql = `
  select id, at, by, role, action, subject, key, event_id as "eventId", reason
    from (${Object.values(arms).map(armSql).join(' union all ')}) as found
   order by at desc, id desc limit $7`;

/** Reads the acts of operators that a database records, the newest first. */
export async function readOperatorAudit(
  executor: Executor,
  { by, action, about, from, before }: AuditFilter,
  limit: number,
): Promise<readonly AuditRow[]> {
  const values = [by, action, about, from, before?.at, before?.id].map((value) => value ?? null);
  return (await executor.query<AuditRow>(auditSql, [...values, limit])).rows;
}
