import type { Database } from '@convergekit/postgres';

/** A place where a step's own writes can fail: a table, its rows, and the column that names the step. */
export interface Exposed {
  readonly database: Database;
  readonly table: string;
  readonly when: 'insert' | 'update';
  readonly key: string;
  /** An SQL condition on `new`. @default true */
  readonly only?: string;
  /** The number of keys in 1,000 that fail permanently: their events are given up. @default 0 */
  readonly forGood?: number;
}

/**
 * Steps that fail at random, from outside their code: triggers on the tables that they write. `forGood` is bad data, and
 * always the same keys for one seed; the other failures are the service's own trouble, one try in twenty, until `calm`.
 */
const functionSql = `
  create schema if not exists weather;
  create table if not exists weather.now (bad boolean not null, seed int not null);
  create or replace function weather.strike() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
  declare
    name text := tg_argv[0] || ' ' || (to_jsonb(new) ->> tg_argv[1]);
    sky weather.now;
  begin
    select * into sky from weather.now;
    if not found then return new; end if;
    if abs(hashtextextended(name, sky.seed)) % 1000 < tg_argv[2]::int then
      raise exception 'the weather: % cannot be', name using errcode = '22023';
    end if;
    if sky.bad and abs(hashtextextended(name || floor(extract(epoch from clock_timestamp()) / 2), sky.seed)) % 1000 < 50 then
      raise exception 'the weather: % cannot be now', name using errcode = '55000';
    end if;
    return new;
  end $$`;

export async function badWeather(exposed: readonly Exposed[], seed: number): Promise<void> {
  for (const { database, table, when, key, only = 'true', forGood = 0 } of exposed) {
    const { executor } = database;
    await executor.query(functionSql);
    await executor.query(
      `create or replace trigger weather_${when}_${forGood} before ${when} on ${table} for each row when (${only})
         execute function weather.strike('${table} ${when}', '${key}', '${forGood}')`,
    );
  }
  for (const database of new Set(exposed.map((one) => one.database))) {
    await database.executor.query('delete from weather.now');
    await database.executor.query('insert into weather.now values (true, $1)', [seed]);
  }
}

/** Ends the temporary failures; permanent ones stay. */
export async function calm(exposed: readonly Exposed[]): Promise<void> {
  for (const database of new Set(exposed.map((one) => one.database)))
    await database.executor.query('update weather.now set bad = false');
}
