-- Calls to other systems: each an intent until its result is recorded. The intent is written in the transaction of the
-- slice that wants the call, so it exists if and only if that slice committed; the saga worker does the rest. Work of a
-- saga's step leaves with its outcome, and the journal keeps its attempts; a call of a handler stays, so that none is made twice.
create table converge.saga_work (
  id              uuid        primary key,  -- a function of consumer, handler, event, call and index: a replayed handler makes no second one
  consumer        text        not null,
  handler         text        not null,
  call            text        not null,     -- the declaration's name
  key             text        not null,     -- of the event that asked, for people
  idempotency_key text        not null,
  input           text        not null,     -- JSON, as the declaration's schema gave it
  cause           text        not null,     -- JSON: {eventId, correlationId, hops, deadline?, headers}
  -- ready     no call was made, or the last one certainly took no effect
  -- calling   a worker holds it, and a call may be under way
  -- unknown   a call was made, and it is not known whether it took effect
  -- answered  the outcome is known and stored; what follows from it is not committed yet
  -- done, failed: of a call of a handler, see `outcome` · stuck: see `stuck_reason`
  state           text        not null default 'ready',
  -- record_swept: an undo was requested after the row of its step had left
  stuck_reason    text,
  -- When a worker may take it; while one holds it, when its lease ends. So one index finds both.
  due_at          timestamptz not null default clock_timestamp(),
  holder          text,
  -- Rises with each claim and each action of an operator: fences the outcome. It begins with the time, since work that left may
  -- be asked for again.
  term            bigint      not null default extract(epoch from clock_timestamp()) * 1000000,
  -- From here on "not found" is final for the calls that were made. Null when none of them is in doubt.
  final_at        timestamptz,
  attempts        int         not null default 0,  -- calls made
  queries         int         not null default 0,
  story           text        not null default '[]',  -- JSON: the last attempts, each with the wait after it
  outcome         text,         -- JSON: {kind: 'succeeded', result} | {kind: 'failed', failure}
  created_at      timestamptz not null default clock_timestamp(),
  ended_at        timestamptz,
  -- Of sagas: calls of steps, undos that are retried, timers.
  saga            text,
  instance        text,
  step            text,
  -- expire: a step's own deadline; the others as in the journal
  op              text,
  -- No work waits without a bound: see docs/guides/waiting.md.
  -- Since when it could have been done: when it was first due, or an operator last acted on it.
  waits_since     timestamptz not null default clock_timestamp(),
  -- Since when it has waited for longer than its bound: an operator was alerted, once. It is still retried.
  late_since      timestamptz
) with (fillfactor = 70);  -- updated by each claim and each attempt that ends nothing

-- The rules of a row. CHECKs would be parsed again for each statement: four fifths of an insert (decision 44).
create function converge.saga_work_rules() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if not (new.state in ('ready', 'calling', 'unknown', 'answered', 'done', 'failed', 'stuck')
          and new.stuck_reason in ('outcome_unknown', 'result_lost', 'input_unreadable', 'record_swept')
          and new.op in ('apply', 'compensate', 'resolve', 'cancel', 'deadline', 'expire')
          and (new.state = 'stuck') = (new.stuck_reason is not null)
          and (new.state in ('done', 'failed')) = (new.ended_at is not null)
          and (new.saga is null or new.ended_at is null)
          and (new.state not in ('answered', 'done', 'failed') or new.outcome is not null)
          and (new.saga is null) = (new.instance is null) and (new.saga is null) = (new.step is null)
          and (new.saga is null) = (new.op is null)) then
    raise exception 'converge.saga_work refuses the row of work %: its state %, what it waits for, its end and its step do not agree', new.id, new.state
      using errcode = 'check_violation', schema = 'converge', table = 'saga_work', constraint = 'saga_work_rules';
  end if;
  return new;
end $$;
create trigger saga_work_rules before insert or update on converge.saga_work for each row execute function converge.saga_work_rules();
alter table converge.saga_work enable always trigger saga_work_rules;

-- What workers look for, by call, since each call has places of its own.
create index saga_work_due on converge.saga_work (call, due_at) where state in ('ready', 'calling', 'unknown', 'answered');
create index saga_work_stuck on converge.saga_work (created_at) where state = 'stuck';
create index saga_work_open_key on converge.saga_work (key)
  where saga is null and state in ('ready', 'calling', 'unknown', 'answered', 'stuck');
-- Ended calls with a failed attempt, for the failures over time that operators see. Calls that succeed at once are not in it, so it
-- costs only what failed.
create index saga_work_failed on converge.saga_work (ended_at) include (attempts, state)
  where ended_at is not null and (state = 'failed' or attempts > 1);
create index saga_work_ended on converge.saga_work (ended_at) where ended_at is not null;
create index saga_work_step on converge.saga_work (saga, instance, step) where saga is not null;
create index saga_work_waiting on converge.saga_work (waits_since)
  where late_since is null and state in ('ready', 'calling', 'unknown', 'answered');

-- Calls that a worker of this database has declared, and when it last did: an intent without a worker would wait for ever.
create table converge.saga_worker (
  call    text        primary key,   -- the declaration's name
  holder  text        not null,
  seen_at timestamptz not null default clock_timestamp(),
  quota   text         -- that of the call, as its worker declared it
);

-- The state of each step of each saga, in the database of the service that runs it. Every trigger of a step (the event
-- that begins it, a failure, an undo, a timer, an operator) inserts the row, or locks it, and decides by its state.
create table converge.saga_fence (
  saga          text        not null,
  instance      text        not null,   -- the id of the event that started it
  step          text        not null,
  version       int         not null,   -- of the declaration
  consumer      text        not null,
  key           text        not null,   -- of the event that came first, for people
  created_at    timestamptz not null default clock_timestamp(),
  -- What changes stands together, and what is large and stays comes last: the log of an update then has the change alone.
  state         text        not null,   -- see saga_fence_rules
  seq           int         not null default 1,  -- the number of the last decision
  changed_at    timestamptz not null default clock_timestamp(),
  stuck_since   timestamptz,            -- since when it waits for an operator
  -- Of a run whose id does not say when it started (a foreign producer's start): the bare row stays, without journal and events.
  stripped_at   timestamptz,
  reason_code   text,       -- why it failed, or is undone
  reason        text,
  cause_event   text        not null,   -- of the last change
  cause_attempt text,       -- the attempt that made it necessary
  failed_calls  int         not null default 0,  -- failed attempts of calls that have ended
  journal       text[]      not null default '{}',  -- its decisions, each as JSON: see the view saga_step. Nothing but appended to
  undo          text,       -- JSON: what requests its undo
  result        text,       -- JSON: its success event. Null where nothing can be undone
  intent        text,       -- JSON: the events that began it. Null where nothing can be undone
  primary key (saga, instance, step)
) with (fillfactor = 70);  -- updated up to five times in its life

-- The rules of a row, as those of saga_work. The words of the table in libs/saga/src/fence/fence.ts.
create function converge.saga_fence_rules() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
  as $$
begin
  if not (new.version > 0
          and new.state in ('started', 'applied', 'rejected', 'failed_not_applied', 'failed_applied', 'unknown', 'tombstoned',
                            'undo_pending', 'undone', 'stuck')) then
    raise exception 'converge.saga_fence refuses the row of step % of run %: state %, version %', new.step, new.instance, new.state, new.version
      using errcode = 'check_violation', schema = 'converge', table = 'saga_fence', constraint = 'saga_fence_rules';
  end if;
  return new;
end $$;
create trigger saga_fence_rules before insert or update on converge.saga_fence for each row execute function converge.saga_fence_rules();
alter table converge.saga_fence enable always trigger saga_fence_rules;

-- What retention may take: not a bare row that nothing reached since.
create index saga_fence_created on converge.saga_fence (created_at) where stripped_at is null or changed_at > stripped_at;
create index saga_fence_changed on converge.saga_fence using brin (changed_at);
-- For the failures over time that operators see. It costs only what failed.
create index saga_fence_failed on converge.saga_fence (changed_at) include (failed_calls) where failed_calls > 0;
create index saga_fence_open_key on converge.saga_fence (key) where state in ('started', 'unknown', 'undo_pending', 'stuck');
create index saga_fence_open on converge.saga_fence (changed_at)
  where state in ('started', 'unknown', 'undo_pending', 'stuck');

-- True when each decision of a journal is a day old: columns of a row can be set to any time. False where one cannot be read.
create function converge.saga_is_old(journal text[]) returns boolean
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
  as $$
begin
  return not exists (
    select from unnest(journal) as decision
     where (decision::json ->> 'at')::timestamptz >= clock_timestamp() - interval '1 day');
exception when data_exception then return false;
end
$$;

-- A journal is only appended to, by the statement that decides: what is added can be read by the view saga_step, and was decided
-- now, since a journal leaves by the times in it (an hour is left for a clock that is set back). It is emptied when the bare row of a
-- run that ended stays.
create function converge.saga_keep_journal() returns trigger
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
declare
  kept int := coalesce(cardinality(old.journal), 0);
  decision text;
  read record;
begin
  -- An array may begin at another number than 1, and have two dimensions.
  if new.journal[1:kept] = coalesce(old.journal, '{}') and coalesce(array_lower(new.journal, 1), 1) = 1
     and coalesce(array_ndims(new.journal), 1) = 1 then
    begin
      foreach decision in array new.journal[kept + 1:] loop
        select d.at, d.version, d.emitted, d.plan::json as plan into read
          from json_to_record(decision::json) as d (at timestamptz, version int, emitted uuid, plan text);
        if not coalesce(read.at between transaction_timestamp() - interval '1 hour' and clock_timestamp() + interval '1 hour', false)
          then raise data_exception; end if;
      end loop;
      return new;
    exception when data_exception then
      raise exception 'the journal of step % of run % takes decisions alone, as JSON, with the time at which they are made', new.step, new.instance
        using errcode = 'check_violation', schema = 'converge', table = 'saga_fence', constraint = 'saga_fence_journal';
    end;
  end if;
  if new.stripped_at is distinct from old.stripped_at and new.stripped_at is not null and cardinality(new.journal) = 0 and old.stuck_since is null
     and old.state not in ('started', 'unknown', 'undo_pending', 'stuck') and converge.saga_is_old(old.journal)
  then return new; end if;
  raise exception 'the journal of step % of run % is only appended to', new.step, new.instance using errcode = 'restrict_violation';
end
$$;
create trigger saga_fence_journal before insert or update of journal on converge.saga_fence
  for each row execute function converge.saga_keep_journal();

-- The journal as rows: one for each decision of a fence that changed or answered something. An entry leaves out what the row or the
-- entry before it says: see entrySql.
create view converge.saga_step as
  select f.saga, f.instance, f.step, (f.seq - cardinality(f.journal) + d.n)::int as seq, coalesce(d.version, f.version) as version,
      coalesce(d.op, 'apply') as op, d.trigger,
      coalesce(d."from", d.before, 'absent') as state_from,
      d."to" as state_to, d.act,
      d.outcome,                -- of a call: its event, or the failure's code
      d.plan,                   -- JSON, of a begin: how it is undone, and after which steps
      coalesce(d.cause, d.before_cause) as cause_event,
      case when d.cause is null then d.before_attempt else d.attempt end as cause_attempt,
      d.emitted as emitted_event,
      d.actor,                  -- an operator
      d.note, d.at,
      d.work                    -- JSON: the work that the decision ended, with its attempts
    from converge.saga_fence f
    cross join lateral (
      select entry.n, d.*, lag(d."to") over said as before, lag(d.cause) over said as before_cause, lag(d.attempt) over said as before_attempt
        from unnest(f.journal) with ordinality as entry (decision, n)
        cross join lateral json_to_record(entry.decision::json) as d (at timestamptz, version int, op text, trigger text, "from" text,
          "to" text, act text, outcome text, plan text, cause text, attempt text, emitted uuid, actor text, note text, work json)
      window said as (order by entry.n)) as d;

-- Steps that wait for several others: which ones have come. The event that completes the row continues the saga, in the same
-- transaction.
create table converge.saga_join (
  saga       text        not null,
  instance   text        not null,
  step       text        not null,
  waits_for  text        not null check (waits_for in ('begin', 'undo')),
  members    jsonb       not null,   -- step → its event, as JSON text
  changed_at timestamptz not null default clock_timestamp(),
  awaits     text[]      not null,   -- the steps that it waits for, by the names in `members`
  primary key (saga, instance, step, waits_for)
);
create index saga_join_at on converge.saga_join (changed_at);

-- Sagas that can be cancelled and whose start the service has seen: a cancellation finds them by the key of their start.
create table converge.saga_start (
  saga       text        not null,
  instance   text        not null,
  version    int         not null,
  key        text        not null,
  started_at timestamptz not null default clock_timestamp(),
  primary key (saga, instance)
);
create index saga_start_key on converge.saga_start (saga, key);
create index saga_start_at on converge.saga_start (started_at);

-- Rows of sagas that ended long ago are deleted. Below the horizon of a saga a step without a row may have had one that was
-- deleted. It is raised in a transaction before rows are deleted.
create table converge.saga_horizon (
  saga      text        primary key,
  before    timestamptz not null,   -- of the start of a run
  raised_at timestamptz not null default clock_timestamp()
);

-- Sagas as an observer of their topics sees them: one row an instance, in a database of the observer's choice. The facts are
-- a set, so that the order in which topics are read does not matter.
create table converge.saga_instance (
  saga        text        not null,
  instance    text        not null,   -- the id of the event that started it
  version     int         not null check (version > 0),
  key         text        not null,   -- of the event that came first, for people
  -- The words of libs/saga/src/observe/judge.ts.
  state       text        not null check (state in
    ('running', 'completed', 'compensating', 'compensated', 'stuck', 'expired')),
  reason      text,       -- why it is not simply running or completed
  facts       text        not null,   -- JSON: step → its events
  started_at  timestamptz,            -- null: its start has not been read yet
  first_at    timestamptz not null,   -- of the earliest fact
  failed_at   timestamptz,            -- of the earliest failure
  ended_at    timestamptz,            -- of the fact that ended it
  expires_at  timestamptz,            -- when it is late, if it has not ended by then
  expired_at  timestamptz,            -- since when it is late
  changed_at  timestamptz not null default clock_timestamp(),
  trace_id    text,                   -- of the trace in which it began
  primary key (saga, instance),
  check ((state in ('completed', 'compensated')) = (ended_at is not null)),
  check (state <> 'expired' or expired_at is not null)
) with (fillfactor = 70);  -- updated with every fact

-- What the watch looks for: the open ones, the next to be late first.
create index saga_instance_open on converge.saga_instance (expires_at) where ended_at is null and expired_at is null;
create index saga_instance_ended on converge.saga_instance (ended_at) where ended_at is not null;
create index saga_instance_state on converge.saga_instance (state, changed_at);
-- What operators search all sagas by, also those that ended. Only an observer writes this table, one insert an instance and an update a
-- fact; the two indexes cost it what `saga_instance_state` costs.
create index saga_instance_key on converge.saga_instance (key);
create index saga_instance_trace on converge.saga_instance (trace_id) where trace_id is not null;

-- Workflows: several steps of one service that are applied or undone together. One row has the position of a run, and its
-- holder; its journal has everything that was intended, done and undone.
create table converge.workflow (
  workflow     text        not null,   -- the declaration's name
  id           text        not null,   -- the caller's: a repeat under it is the same one
  input        text        not null,   -- JSON
  -- running       its steps are being made · completed: all of them are applied
  -- compensating  they are undone, the last one first · compensated: none of them is left, or an operator gave it up
  -- stuck         it waits for an operator, for the reason beside it; with due_at it is retried meanwhile
  state        text        not null default 'running' check (state in
    ('running', 'completed', 'compensating', 'compensated', 'stuck')),
  stuck_reason text        check (stuck_reason in
    ('irreversible', 'undo_failing', 'outcome_unknown', 'result_lost', 'step_undeclared')),
  result       text,                   -- JSON, of a completed one
  entries      int         not null default 0,  -- the length of the journal
  holder       text,
  term         bigint      not null default 1,  -- rises with each claim and each action of an operator: fences every entry
  -- When a worker may take it; while it is held, when the lease ends. Null: no worker takes it.
  due_at       timestamptz,
  created_at   timestamptz not null default clock_timestamp(),
  ended_at     timestamptz,
  primary key (workflow, id),
  check ((state = 'stuck') = (stuck_reason is not null)),
  check ((state in ('completed', 'compensated')) = (ended_at is not null)),
  check (ended_at is null or due_at is null)
) with (fillfactor = 50);  -- updated with every entry

-- What workers look for: leases that ended, and undos that are due.
create index workflow_due on converge.workflow (workflow, due_at) where due_at is not null;
create index workflow_stuck on converge.workflow (created_at) where state = 'stuck';
create index workflow_ended on converge.workflow (ended_at) where ended_at is not null;

-- The journal of workflows: append only. An intent, with the planned undo and its order, is written before its call is made.
create table converge.workflow_step (
  workflow text        not null,
  id       text        not null,
  seq      int         not null,         -- from 1, without a hole
  kind     text        not null check (kind in ('scope', 'scope_done', 'intent', 'repeat',
    'unknown', 'result', 'failed', 'compensate', 'undo', 'undo_failed', 'undone', 'scope_undone', 'stuck', 'operator',
    'completed', 'compensated')),
  step     int,                          -- the step's number from 1: the highest one is undone first
  path     text        not null,         -- of the step or scope; '' is the whole workflow
  -- JSON: `at`, the time by the clock of the worker that wrote it, and what the kind needs besides
  data     text        not null check (data::json is not null),
  term     bigint      not null,         -- of the lease under which it was written
  at       timestamptz not null default clock_timestamp(),
  primary key (workflow, id, seq),
  foreign key (workflow, id) references converge.workflow on delete cascade
);

-- Journals leave only by these functions of the owner: a day old at least, of runs that have ended. The login of a consumer deletes
-- no journal itself, and changes none.

-- Deletes the steps of runs of a saga that did not change since `before`; of the undated runs the bare rows stay. Steps that are
-- open stay.
create function converge.saga_forget(saga text, dated text[], undated text[], before timestamptz) returns void
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with bare as (
    update converge.saga_fence f set intent = null, result = null, undo = null, reason = null, journal = '{}',
      stripped_at = clock_timestamp()
     where f.saga = saga_forget.saga and f.instance = any (undated) and (f.stripped_at is null or f.changed_at > f.stripped_at)
       and f.changed_at < before and converge.saga_is_old(f.journal)
       and f.state not in ('started', 'unknown', 'undo_pending', 'stuck') and f.stuck_since is null)
  delete from converge.saga_fence f
   where f.saga = saga_forget.saga and f.instance = any (dated)
     and f.changed_at < before and converge.saga_is_old(f.journal)
     and f.state not in ('started', 'unknown', 'undo_pending', 'stuck') and f.stuck_since is null
$$;

-- Deletes workflows that ended longer than `keep_ms` ago, with their journals; at most 200, so that no transaction is long.
create function converge.workflow_forget(keep_ms double precision) returns bigint
  language sql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
  with gone as (
    delete from converge.workflow where (workflow, id) in (
      select k.workflow, k.id from converge.workflow k
       where k.ended_at < clock_timestamp() - greatest(keep_ms * interval '1 millisecond', interval '1 day')
         and not exists (
           select from converge.workflow_step s
            where (s.workflow, s.id) = (k.workflow, k.id) and s.at >= clock_timestamp() - interval '1 day')
       order by k.ended_at limit 200 for update skip locked)
    returning 1)
  select count(*) from gone
$$;

revoke execute on function converge.saga_forget(text, text[], text[], timestamptz), converge.workflow_forget(double precision) from public;

-- Returns a step or call of keys that has begun and has no outcome yet, for people; null: there is none.
create function converge.saga_open(keys text[]) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
  as $$
  (select concat_ws(' ', 'step', f.step, 'of saga', f.saga) from converge.saga_fence f
    where f.key = any ($1) and f.state in ('started', 'unknown', 'undo_pending', 'stuck') limit 1)
  union all
  (select concat_ws(' ', 'call', w.call) from converge.saga_work w
    where w.key = any ($1) and w.saga is null and w.state in ('ready', 'calling', 'unknown', 'answered', 'stuck') limit 1)
  limit 1
$$;

-- Sagas that an operator paused here: no worker of this database takes up a call, a query or an undo of them. Timers go on. Read by
-- each claim, so it is tiny: a row leaves when its saga is resumed.
create table converge.saga_pause (
  saga      text        not null,
  instance  text        not null default '',  -- '': every instance of the saga
  paused_at timestamptz not null default clock_timestamp(),
  by        text        not null check (btrim(by) <> ''),
  reason    text        not null check (btrim(reason) <> ''),
  primary key (saga, instance)
);

-- Pauses a saga, or one instance of it, as an act of an operator: the audit has it. False: it is paused already.
create function converge.act_saga_pause(saga text, instance text, by text, reason text) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  insert into converge.saga_pause (saga, instance, by, reason) values ($1, $2, $3, $4) on conflict do nothing;
  if not found then return false; end if;
  perform converge.record_act('saga pause', 'saga', coalesce(nullif($2, ''), $1), $3, $4, jsonb_build_object('saga', $1), null);
  return true;
end $$;

-- Ends a pause as an act of an operator. `after`: what becomes due. False: there is none.
create function converge.act_saga_resume(saga text, instance text, by text, reason text, after jsonb) returns boolean
  language plpgsql
  security definer
  set search_path = pg_catalog, pg_temp
  as $$
begin
  delete from converge.saga_pause p where p.saga = $1 and p.instance = $2;
  if not found then return false; end if;
  perform converge.record_act('saga resume', 'saga', coalesce(nullif($2, ''), $1), $3, $4, jsonb_build_object('saga', $1), $5);
  return true;
end $$;
revoke execute on function converge.act_saga_pause(text, text, text, text),
  converge.act_saga_resume(text, text, text, text, jsonb) from public;

-- The calls that other systems allow this database's processes, all together. A row is locked for one statement, which takes calls of
-- the quota; no lock is held while a call runs. Calls without a quota have no row.
create table converge.call_quota (
  name       text        primary key,
  per_second float8      not null check (per_second > 0),
  burst      int         not null check (burst > 0),
  -- When all calls that were taken are earned, at the rate. It is in the future when calls wait for their time.
  earned_at  timestamptz not null default '-infinity',
  -- When due work was last left for want of a call: what operators see as the reason of its wait.
  short_at   timestamptz
) with (fillfactor = 50);  -- updated with every claim of such work
