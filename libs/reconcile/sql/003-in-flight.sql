-- What a drift waits for: events on their way, a halted partition, parked events, an open step (`reason` says it in words).
alter table converge.reconcile_key
  -- JSON, see libs/reconcile/src/in-flight/wait.ts: kept between two looks, so that later events do not prolong the wait.
  add column wait text,
  -- Since when it has waited; null: it does not wait for others.
  add column waits_since timestamptz;
