import { connect } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import type { SagaDump } from '../checker/sagas/facts.ts';

export interface SqlCheck {
  readonly claim: string;
  readonly looked: number;
  /** The first rows that should not be. */
  readonly findings: readonly string[];
}

const tablesSql = `
  create table event   (event_id uuid primary key, type text, source text, saga text);
  create table fence   (source text, saga text, instance text, step text, state text, reason_code text, stuck text,
                        primary key (saga, instance, step));
  create table journal (source text, saga text, instance text, step text, seq int, op text, state_from text, state_to text,
                        act text, cause_event uuid, emitted_event uuid, at_ms float8);
  create index on journal (saga, instance, step, seq);
  create index on journal (emitted_event)`;

const claims: readonly { readonly claim: string; readonly looked: string; readonly sql: string }[] = [
  {
    claim: 'SQL: no compensation without a cause',
    looked: `select count(*)::int as n from journal where op = 'compensate'`,
    sql: `select j.instance, j.step, j.seq, j.cause_event from journal j
           where j.op = 'compensate' and not exists (select from event e where e.event_id = j.cause_event)`,
  },
  {
    claim: 'SQL: each undo was requested by an event of a step of its own saga',
    looked: `select count(*)::int as n from journal where act = 'undo'`,
    // An undo that was requested before the outcome was known is decided when it is: by the decision of its apply.
    sql: `select j.instance, j.step, j.seq from journal j
           where j.act = 'undo' and not exists (
             select from journal asked
               join journal request on request.saga = j.saga and request.instance = j.instance
                and request.emitted_event = asked.cause_event and request.act in ('emit_failure', 'emit_undone')
              where asked.saga = j.saga and asked.instance = j.instance and asked.step = j.step
                and asked.op = 'compensate' and asked.seq <= j.seq)`,
  },
  {
    claim: 'SQL: what was undone had been applied, and is undone once',
    looked: `select count(*)::int as n from fence where state = 'undone'`,
    sql: `select saga, instance, step, count(*) from journal where act = 'emit_undone' and state_to = 'undone'
           group by saga, instance, step having count(*) > 1
           union all
          select f.saga, f.instance, f.step, 0 from fence f where f.state = 'undone' and not exists (
            select from journal j where j.saga = f.saga and j.instance = f.instance and j.step = f.step and j.act = 'run')`,
  },
  {
    claim: 'SQL: no step is left in the middle without a reason for an operator',
    looked: `select count(*)::int as n from fence`,
    sql: `select saga, instance, step, state from fence
           where state in ('started', 'unknown', 'undo_pending') and stuck is null`,
  },
];

/** Loads the rows of all services into one database and queries it: each query must return no row. */
export async function judgeBySql(serverUrl: string, dump: SagaDump): Promise<readonly SqlCheck[]> {
  const database = connect({
    url: await freshDatabase(serverUrl, 'judge'),
    applicationName: 'judge',
    max: 1,
  });
  try {
    const { executor } = database;
    await executor.query(tablesSql);
    await executor.query(
      `insert into event select "eventId", type, source, saga
         from json_to_recordset($1) as r("eventId" uuid, type text, source text, saga text)`,
      [JSON.stringify(dump.events)],
    );
    await executor.query(
      `insert into fence select source, saga, instance, step, state, "reasonCode", stuck
         from json_to_recordset($1) as r(source text, saga text, instance text, step text, state text, "reasonCode" text, stuck text)`,
      [JSON.stringify(dump.fences)],
    );
    await executor.query(
      `insert into journal select source, saga, instance, step, seq, op, "from", "to", act, "causeEvent", "emittedEvent", "atMs"
         from json_to_recordset($1) as r(source text, saga text, instance text, step text, seq int, op text, "from" text,
              "to" text, act text, "causeEvent" uuid, "emittedEvent" uuid, "atMs" float8)`,
      [JSON.stringify(dump.journal)],
    );
    const checks: SqlCheck[] = [];
    for (const { claim, looked, sql } of claims) {
      const { rows } = await executor.query(sql);
      const { rows: counted } = await executor.query<{ n: number }>(looked);
      checks.push({ claim, looked: counted[0]?.n ?? 0, findings: rows.map((row) => JSON.stringify(row)) });
    }
    return checks;
  } finally {
    await database.close();
  }
}
