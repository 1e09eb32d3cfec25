import type { Executor } from '@convergekit/postgres';

// No relay has led, and the outbox has no event of the time before the copy: nothing of this source was ever published, under any
// identity. A row keeps its xmin in a copy of the files, so one that is older than the database itself was copied with them; a
// restored dump has new rows, and its events may be those of a source that still publishes.
const renewSql = `
  with here as (select oid, age(xmin) as since from pg_database where datname = current_database()),
       copied as (
         update converge.relay_source r set database_oid = here.oid from here
          where r.term = 0 and r.database_oid <> here.oid
            and (not (select is_called from converge.outbox_id)
                 or (age(r.xmin) > here.since
                     and not exists (select from converge.outbox where age(xid::xid) > here.since)))
         returning here.oid)
  update converge.source set id = gen_random_uuid(), created_at = clock_timestamp() from copied`;

/**
 * Gives the copy of a template (`create database … template`) an identity of its own; returns true for such a copy. Copies with one
 * identity would be one source to consumers, which take the events of one for repeats of another's.
 */
export async function renewSource(executor: Executor): Promise<boolean> {
  return (await executor.query(renewSql)).rowCount === 1;
}
