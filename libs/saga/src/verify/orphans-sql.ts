import type { Executor } from '@convergekit/postgres';
import type { Finding } from '../calls/journal/check-journal.ts';
import { namesSql } from '../calls/journal/runs-sql.ts';

/** A compensation, and its recorded cause. */
interface Orphan {
  readonly saga: string;
  readonly instance: string;
  readonly step: string;
  readonly seq: number;
  readonly causeEvent: string;
}

// Compensations of this database whose cause no step of the same instance emitted here. The instance's own deadline is
// excluded. The cause is in another database where services have separate ones: `findOrphans` reads all of them. For
// all instances the statement scans the journal.
const candidatesSql = (of: string): string => `
  select c.saga, c.instance, c.step, c.seq, c.cause_event as "causeEvent"
    from (select * from converge.saga_step where ${of}) c
   where c.op = 'compensate'
     and not exists (
       select from converge.saga_step t
        where t.saga = c.saga and t.instance = c.instance and t.emitted_event::text = c.cause_event
          and t.act in ('emit_failure', 'emit_undone'))
     and not exists (
       select from converge.saga_step d
        where d.saga = c.saga and d.instance = c.instance and d.step = c.step and d.seq < c.seq
          and d.op = 'deadline' and d.trigger = 'deadline' and d.cause_event = c.cause_event)
   order by c.at, c.step, c.seq`;
const oneSql = candidatesSql(`instance = $1 and saga = any (array(${namesSql('saga_fence')}))`);
const allSql = candidatesSql('true');

// The look-up uses the key of steps: an emitted event belongs to the same instance.
const emittedSql = `
  select distinct t.emitted_event::text as id
    from unnest($1::text[], $2::text[], $3::text[]) as wanted(saga, instance, event)
    join converge.saga_step t on t.saga = wanted.saga and t.instance = wanted.instance and t.emitted_event::text = wanted.event
   where t.act in ('emit_failure', 'emit_undone')`;

/** Compensations without a cause in any of these databases: there must be none. */
export async function findOrphans(
  executors: readonly Executor[],
  instance?: string,
): Promise<readonly Finding[]> {
  const found: Orphan[] = [];
  for (const executor of executors)
    found.push(
      ...(instance === undefined
        ? await executor.query<Orphan>(allSql)
        : await executor.query<Orphan>(oneSql, [instance])
      ).rows,
    );
  const emitted = new Set<string>();
  if (found.length > 0 && executors.length > 1)
    for (const executor of executors) {
      const { rows } = await executor.query<{ id: string }>(emittedSql, [
        found.map(({ saga }) => saga),
        found.map(({ instance: of }) => of),
        found.map(({ causeEvent }) => causeEvent),
      ]);
      for (const { id } of rows) emitted.add(id);
    }
  return found
    .filter(({ causeEvent }) => !emitted.has(causeEvent))
    .map(({ saga: name, instance: id, step, seq, causeEvent }) => {
      const what = `no step emitted event ${causeEvent}, which it names as its cause`;
      return { kind: 'saga', name, id, step, code: 'cause_missing', seq, what };
    });
}
