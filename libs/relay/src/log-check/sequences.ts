import type { Executor } from '@convergekit/postgres';
import { ConvergeError } from '@convergekit/core';
import type { Refusal } from './judge.ts';

/** A sequence of the kit, the column that it numbers, and how far both are. */
export interface SequenceState {
  readonly sequence: string;
  readonly column: string;
  readonly at: bigint;
  readonly reached: bigint;
}

/** Compares the sequence of the outbox with the ids that the ticks saw. Pure. */
export function judgeSequence(at: bigint, ceil: bigint): Refusal | undefined {
  if (at >= ceil) return undefined;
  const state = { sequence: 'converge.outbox_id', column: 'converge.tick.ceil', at, reached: ceil };
  return { code: 'sequence_behind', detail: sequencesText([state]) };
}

/** Rejects where a sequence is behind its column: its next numbers were given before. Changes nothing. */
export async function requireSequences(executor: Executor): Promise<void> {
  const behind = (await readSequences(executor)).filter(({ at, reached }) => at < reached);
  if (behind.length === 0) return;
  throw new ConvergeError(`sequence_behind: ${sequencesText(behind)}. Nothing was changed`, {
    code: 'sequence_behind',
    category: 'data',
    certainty: 'not_applied',
  });
}

/** Names the sequences that are behind, and the statements that set them. */
export function sequencesText(behind: readonly SequenceState[]): string {
  const states = behind.map(
    ({ sequence, column, at, reached }) => `${sequence} is at ${at}, and ${column} reaches ${reached}`,
  );
  const statements = [...Map.groupBy(behind, ({ sequence }) => sequence)].map(([sequence, all]) => {
    const highest = all.reduce((most, { reached }) => (reached > most ? reached : most), 0n);
    return `select setval('${sequence}', ${highest});`;
  });
  return `${states.join(', ')}: the tables were copied without their sequences (logical replication copies none), so numbers are given again. Stop what writes here, and as the owner of the tables run through psql: \`${statements.join(' ')}\` (docs/runbooks/upgrade.md, "Without setval")`;
}

// Sequences that this login may not read are left out: the relay's reads that of the outbox alone.
const ownedSql = `
  select s.oid::regclass::text as sequence, t.oid::regclass::text as "table", quote_ident(a.attname) as "column"
    from pg_depend d join pg_class s on s.oid = d.objid join pg_class t on t.oid = d.refobjid
         join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
   where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
     and s.relnamespace = 'converge'::regnamespace
     and case when s.relkind = 'S' then has_sequence_privilege(s.oid, 'select') end
     and has_column_privilege(t.oid, a.attnum, 'select')
   order by 1`;

async function readSequences(executor: Executor): Promise<readonly SequenceState[]> {
  const owned = await executor.query<{ sequence: string; table: string; column: string }>(ownedSql);
  const ticks = { sequence: 'converge.outbox_id', table: 'converge.tick', column: 'ceil' };
  const states: SequenceState[] = [];
  for (const { sequence, table, column } of [...owned.rows, ticks]) {
    const { rows } = await executor.query<{ at: string; reached: string }>(
      `select (s.last_value - (not s.is_called)::int)::text as at,
              coalesce((select max(${column}) from ${table}), 0)::text as reached from ${sequence} s`,
    );
    for (const { at, reached } of rows)
      states.push({ sequence, column: `${table}.${column}`, at: BigInt(at), reached: BigInt(reached) });
  }
  return states;
}
