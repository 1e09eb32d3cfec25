import { randomBytes } from 'node:crypto';
import { connect } from '@convergekit/postgres';

/** Defaults that no kit wants, and a database administrator may have reasons for. */
export const hostileDefaults: Readonly<Record<string, string>> = {
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  statement_timeout: '5s',
  lock_timeout: '100ms',
  idle_in_transaction_session_timeout: '5s',
  idle_session_timeout: '1s',
  transaction_timeout: '10s',
  client_min_messages: 'error',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  row_security: 'off',
  synchronous_commit: 'off',
  plan_cache_mode: 'force_generic_plan',
  jit_above_cost: '0',
  search_path: 'hostile, pg_catalog, public',
};

// Functions and operators that shadow those of pg_catalog, with the very same names and types. (An overload that fits
// better than a polymorphic one of pg_catalog, such as unnest(text[]), wins from any schema of the path: that is not
// defended.)
const shadows = `
  create schema hostile;
  grant usage on schema hostile to public;
  create function hostile.refuse(what pg_catalog.text) returns pg_catalog.int4 language plpgsql immutable
    as 'begin raise exception ''a shadow of % was used'', what; end';
  create function hostile.clock_timestamp() returns pg_catalog.timestamptz language sql as 'select hostile.refuse(''clock_timestamp'')::pg_catalog.text::pg_catalog.timestamptz';
  create function hostile.now() returns pg_catalog.timestamptz language sql as 'select hostile.refuse(''now'')::pg_catalog.text::pg_catalog.timestamptz';
  create function hostile.pg_current_xact_id() returns pg_catalog.xid8 language sql as 'select hostile.refuse(''pg_current_xact_id'')::pg_catalog.text::pg_catalog.xid8';
  create function hostile.set_config(pg_catalog.text, pg_catalog.text, pg_catalog.bool) returns pg_catalog.text language sql as 'select hostile.refuse(''set_config'')::pg_catalog.text';
  create function hostile.current_setting(pg_catalog.text) returns pg_catalog.text language sql as 'select hostile.refuse(''current_setting'')::pg_catalog.text';
  create function hostile.hashtextextended(pg_catalog.text, pg_catalog.int8) returns pg_catalog.int8 language sql as 'select hostile.refuse(''hashtextextended'')::pg_catalog.int8';
  create function hostile.pg_advisory_xact_lock(pg_catalog.int4, pg_catalog.int4) returns pg_catalog.void language sql as 'select hostile.refuse(''pg_advisory_xact_lock'')';
  create function hostile.octet_length(pg_catalog.text) returns pg_catalog.int4 language sql as 'select hostile.refuse(''octet_length'')';
  create function hostile.equal(pg_catalog.text, pg_catalog.text) returns pg_catalog.bool language sql as 'select hostile.refuse(''='') is null';
  create function hostile.equal(pg_catalog.int8, pg_catalog.int8) returns pg_catalog.bool language sql as 'select hostile.refuse(''='') is null';
  create function hostile.equal(pg_catalog.uuid, pg_catalog.uuid) returns pg_catalog.bool language sql as 'select hostile.refuse(''='') is null';
  create function hostile.joined(pg_catalog.text, pg_catalog.text) returns pg_catalog.text language sql as 'select hostile.refuse(''||'')::pg_catalog.text';
  create operator hostile.= (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = hostile.equal);
  create operator hostile.= (leftarg = pg_catalog.int8, rightarg = pg_catalog.int8, function = hostile.equal);
  create operator hostile.= (leftarg = pg_catalog.uuid, rightarg = pg_catalog.uuid, function = hostile.equal);
  create operator hostile.|| (leftarg = pg_catalog.text, rightarg = pg_catalog.text, function = hostile.joined);
  create domain hostile.text as pg_catalog.text check (pg_catalog.length(value) operator(pg_catalog.<) 0);
  create domain hostile.uuid as pg_catalog.uuid check (value is null);
  create table hostile.outbox (nothing pg_catalog.int4);
  create table hostile.lease (nothing pg_catalog.int4);
  create table hostile.tick (nothing pg_catalog.int4)`;

export interface HostileRole {
  /** The URL of the same database, for a role whose sessions begin with `hostileDefaults`. */
  readonly url: string;
  drop(): Promise<void>;
}

/** Creates a superuser for one database. Its sessions begin with hostile defaults and a search_path with shadows. */
export async function hostileRole(databaseUrl: string): Promise<HostileRole> {
  const admin = connect({ url: databaseUrl, applicationName: 'converge-testing', max: 1 });
  const url = new URL(databaseUrl);
  const name = `hostile_${randomBytes(6).toString('hex')}`;
  const database = url.pathname.slice(1);
  await admin.executor.query(`create role ${name} login superuser password '${name}'`);
  await admin.executor.query(shadows);
  for (const [setting, value] of Object.entries(hostileDefaults)) {
    const given = setting === 'search_path' ? value : `'${value}'`;
    await admin.executor.query(`alter role ${name} in database "${database}" set ${setting} = ${given}`);
  }
  await admin.close();
  url.username = url.password = name;
  return { url: url.href, drop: () => dropRole(databaseUrl, name) };
}

async function dropRole(databaseUrl: string, name: string): Promise<void> {
  const admin = connect({ url: databaseUrl, applicationName: 'converge-testing', max: 1 });
  try {
    await admin.executor.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      name,
    ]);
    await admin.executor.query(`drop owned by ${name} cascade`);
    await admin.executor.query(`drop role ${name}`);
  } finally {
    await admin.close();
  }
}
