import type { Executor } from '@converge/postgres';

/** A compensation, and what it says was its cause. */
export interface Orphan {
  readonly saga: string;
  readonly instance: string;
  readonly step: string;
  readonly seq: number;
  readonly causeEvent: string;
}

// Compensations of this database whose cause no step of the same instance told here, nor its own deadline. Where services have databases of
// their own, the cause stands in another one: `findOrphans` asks all of them. A scan of the journal: for people and audits.
const candidatesSql = `
  select c.saga, c.instance, c.step, c.seq, c.cause_event as "causeEvent"
    from converge.saga_step c
   where c.op = 'compensate' and ($1::text is null or c.instance = $1)
     and not exists (
       select from converge.saga_step t
        where t.saga = c.saga and t.instance = c.instance and t.emitted_event::text = c.cause_event
          and t.act in ('emit_failure', 'emit_undone'))
     and not exists (
       select from converge.saga_step d
        where d.saga = c.saga and d.instance = c.instance and d.step = c.step and d.seq < c.seq
          and d.op = 'deadline' and d.trigger = 'deadline' and d.cause_event = c.cause_event)
   order by c.id`;

const toldSql = `
  select distinct t.emitted_event::text as id from converge.saga_step t
   where t.emitted_event::text = any ($1) and t.act in ('emit_failure', 'emit_undone')`;

/** Compensations without a cause in any of these databases: there must be none. */
export async function findOrphans(
  executors: readonly Executor[],
  instance?: string,
): Promise<readonly Orphan[]> {
  const found: Orphan[] = [];
  for (const executor of executors)
    found.push(...(await executor.query<Orphan>(candidatesSql, [instance ?? null])).rows);
  const told = new Set<string>();
  if (found.length > 0 && executors.length > 1)
    for (const executor of executors) {
      const causes = found.map(({ causeEvent }) => causeEvent);
      for (const { id } of (await executor.query<{ id: string }>(toldSql, [causes])).rows) told.add(id);
    }
  return found.filter(({ causeEvent }) => !told.has(causeEvent));
}
