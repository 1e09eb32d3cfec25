import type { Database } from '@convergekit/postgres';
import { type Exposed, fault } from '../types.ts';

/**
 * Steps that fail at random, from outside their code: triggers on the tables that they write. `forGood` is bad data, and
 * always the same keys for one seed; the other failures are the service's own trouble, one try in twenty, until the end.
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

export const failingSteps = fault({
  name: 'steps-fail',
  about: 'writes of steps fail at random: one in twenty for a while, and those of some keys for good',
  needs: ['exposed'],
  background: true,
  holdMs: [10_000, 60_000],
  inject: async ({ exposed }, { seed }) => {
    const databases = new Set(exposed.map(({ database }) => database));
    for (const one of exposed) await expose(one);
    const everywhere = async (text: string, ...values: unknown[]): Promise<void> => {
      for (const { executor } of databases) await executor.query(text, values);
    };
    await everywhere('delete from weather.now');
    await everywhere('insert into weather.now values (true, $1)', seed);
    // Permanent failures stay.
    return {
      what: `${exposed.length} places`,
      repair: () => everywhere('update weather.now set bad = false'),
    };
  },
});

async function expose({ database, table, when, key, only = 'true', forGood = 0 }: Exposed): Promise<void> {
  const { executor }: Pick<Database, 'executor'> = database;
  await executor.query(functionSql);
  await executor.query(
    `create or replace trigger weather_${when}_${forGood} before ${when} on ${table} for each row when (${only})
       execute function weather.strike('${table} ${when}', '${key}', '${forGood}')`,
  );
}
