import type { OfferedRule } from '@convergekit/resilience/engine';
import type { Executor } from './executor.ts';

// Reads one index tuple from the end of policy_newest: every watcher polls it. Rows are never deleted.
const versionSql = 'select coalesce(max(version), 0)::text as version from converge.policy';

/** Reads the version of the newest change; 0 if there is none. */
export async function readPolicyVersion(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ version: string }>(versionSql);
  return Number(rows[0]?.version ?? 0);
}

/** Reads every rule of the central table, not validated. */
export async function readPolicyRules(executor: Executor): Promise<readonly OfferedRule[]> {
  const { rows } = await executor.query<{ name: string; version: string; change: unknown }>(
    'select name, version::text, change from converge.policy order by version',
  );
  return rows.map(({ name, version, change }) => ({ name, version: Number(version), change }));
}

export interface PolicySetting {
  readonly name: string;
  /** The fields that the rule changes; `{}` removes the rule. Validate it by `admitRules` first: this function does not. */
  readonly change: unknown;
  /** The author of the change, for the audit; the database role is recorded, too. */
  readonly by: string;
  readonly reason: string;
  /** The version of the rule when it was read (0 = no rule); a changed rule is not overwritten. @default not checked */
  readonly expected?: number;
}

// Waits for a concurrent change (the trigger's lock); readers never wait.
const setSql = `
  insert into converge.policy (name, change, version, changed_at, changed_by, reason)
  values ($1, $2::jsonb, 0, clock_timestamp(), $3, $4)
  on conflict (name) do update
    set change = excluded.change, changed_by = excluded.changed_by, reason = excluded.reason
    where $5::bigint is null or policy.version = $5
  returning version::text`;

/**
 * Writes a rule and, by the table's trigger, its audit row.
 * Returns the new version, which watchers will see; undefined if the rule has changed since `expected`: nothing was
 * written then.
 */
export async function setPolicyRule(executor: Executor, setting: PolicySetting): Promise<number | undefined> {
  const { name, change, by, reason, expected = null } = setting;
  const { rows } = await executor.query<{ version: string }>(setSql, [
    name,
    JSON.stringify(change),
    by,
    reason,
    expected,
  ]);
  const [row] = rows;
  return row === undefined ? undefined : Number(row.version);
}

export interface PolicyChangeRow {
  readonly version: number;
  readonly name: string;
  /** The previous rule; null if there was none. */
  readonly before: unknown;
  readonly after: unknown;
  readonly changedAt: Date;
  readonly changedBy: string;
  /** The database role of the session. */
  readonly role: string;
  readonly reason: string;
}

/** Reads the newest changes first, of one name or of all. */
export async function readPolicyHistory(
  executor: Executor,
  { name, limit }: { readonly name?: string | undefined; readonly limit: number },
): Promise<readonly PolicyChangeRow[]> {
  const { rows } = await executor.query<Omit<PolicyChangeRow, 'version'> & { readonly version: string }>(
    `select after ->> 'version' as version, subject_id as name, before -> 'change' as before, after -> 'change' as after,
            at as "changedAt", by as "changedBy", role, reason
       from converge.audit where subject_kind = 'policy' and ($1::text is null or subject_id = $1) order by id desc limit $2`,
    [name ?? null, limit],
  );
  return rows.map((row) => ({ ...row, version: Number(row.version) }));
}
