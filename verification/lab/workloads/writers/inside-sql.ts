/**
 * The only statements of the laboratory that name parts of the kit. They sharpen a judgement while those parts are there;
 * each is skipped where its part is gone, and the rest of the judgement stands.
 */

/** Notes with which cursors a leader begins, at the end of the transaction that took the lease: what a repeat may go back to. */
export const takeoverSql = `
create table soak.takeover (term bigint not null, at timestamptz not null, cursors jsonb not null);
do $do$ begin
  if to_regclass('converge.lease') is null or to_regclass('converge.relay_cursor') is null then return; end if;
  create function soak.note_takeover() returns trigger language plpgsql as $$
  begin
    if tg_op = 'UPDATE' and new.term = old.term then return null; end if;
    insert into soak.takeover
    select new.term, clock_timestamp(), coalesce(jsonb_agg(jsonb_build_object('topic', c.topic, 'partition', c.partition,
             'position', c.epoch || '.' || c.tick || '.' || c.id)), '[]')
      from converge.relay_cursor c;
    return null;
  end $$;
  create constraint trigger note_takeover after insert or update on converge.lease
    deferrable initially deferred for each row execute function soak.note_takeover();
end $do$`;

/** Starts the rows near the end of the outbox's second child, so that the relays soon make and drop children. */
export const lateChildSql = `
do $do$ begin
  if to_regclass('converge.outbox_id') is not null then alter sequence converge.outbox_id restart with 1995000; end if;
end $do$`;

/**
 * Keeps 40 lonely keys of each topic that share their lock with no other key: a transaction that stays open for seconds on
 * one of them blocks no other, as in a service with a steady load.
 */
export const lonelySql = `
do $do$ begin
  if to_regprocedure('converge.outbox_bucket(text, text)') is not null then
    delete from soak.counter where kind = 'lonely' and converge.outbox_bucket(topic, key) in (
      select converge.outbox_bucket(c.topic, c.key) from soak.counter c where c.kind <> 'lonely');
  end if;
  delete from soak.counter where (topic, key) in (
    select topic, key from (select topic, key, row_number() over (partition by topic order by key) as n
                              from soak.counter where kind = 'lonely') l where n > 40);
end $do$`;
