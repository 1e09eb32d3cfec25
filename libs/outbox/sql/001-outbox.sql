-- One row: who this source is. The uuid is what consumers deduplicate by; the name is for people.
create table converge.source (
  id         uuid        primary key default gen_random_uuid(),
  name       text        not null check (name <> ''),
  epoch      int         not null default 1 check (epoch > 0),
  created_at timestamptz not null default clock_timestamp(),
  only_row   boolean     not null default true unique check (only_row)
);
insert into converge.source (name) values (current_database());

-- CACHE 1: a session that kept numbers back would hand out low ids after others had committed higher ones.
create sequence converge.outbox_id as bigint cache 1;

-- Append-only: no UPDATE, no DELETE, no status column. Rows leave by whole children.
create table converge.outbox (
  -- First column: column defaults are evaluated in order, so a row's xid is assigned before its id. The relay's paged
  -- read relies on it.
  xid        xid8        not null default pg_current_xact_id(),
  id         bigint      not null default nextval('converge.outbox_id'),
  -- Made by the writer and never a serial: ids are handed out again after a crash.
  event_id   uuid        not null,
  topic      text        not null,
  key        text        not null,
  type       text        not null,
  headers    text        not null,
  payload    text        not null,
  created_at timestamptz not null default clock_timestamp(),
  primary key (id),
  constraint outbox_size check (octet_length(payload) + octet_length(headers) <= 921600)
) partition by range (id);
alter sequence converge.outbox_id owned by converge.outbox.id;
create index outbox_xid on converge.outbox (xid);

-- Children are named by their lower bound; the last one has no upper bound, so an emit never lacks a place.
create table converge.outbox_0       partition of converge.outbox for values from (minvalue) to (1000000);
create table converge.outbox_1000000 partition of converge.outbox for values from (1000000) to (2000000);
create table converge.outbox_last    partition of converge.outbox for values from (2000000) to (maxvalue);

-- Requests that were answered, written in the transaction that did the work.
create table converge.request (
  key          text        primary key,
  request_hash text        not null,
  result       text,
  created_at   timestamptz not null default clock_timestamp()
);
create index request_created_at on converge.request (created_at);
