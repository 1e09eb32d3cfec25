import type { Database } from '@convergekit/postgres';

type Executors = Pick<Database, 'executor'>;

/** 55000 passes, so the key is parked; 22P02 is bad data, so the event is a dead letter. */
const failSql = `
  create function failing() returns trigger language plpgsql as $$
  begin
    if new.country = 'BR' then raise exception 'no parcel for now' using errcode = '55000'; end if;
    if new.country = 'JP' then raise exception 'no such parcel' using errcode = '22P02'; end if;
    return new;
  end $$;
  create trigger failing before insert on parcel for each row execute function failing()`;

/** Makes parcels to two countries fail, until the returned function is called. */
export async function failParcels({ executor }: Executors): Promise<() => Promise<unknown>> {
  await executor.query(failSql);
  return () => executor.query('drop trigger failing on parcel; drop function failing()');
}

export async function countParked({ executor }: Executors, state: 'waiting' | 'dead'): Promise<number> {
  const sql = 'select count(*)::int as n from converge.parked where state = $1';
  return (await executor.query<{ n: number }>(sql, [state])).rows[0]?.n ?? 0;
}

/** Counts the orders that have not ended: their end is the last that a consumer does about them. */
export async function countOpenOrders({ executor }: Executors): Promise<number> {
  const sql = `select count(*)::int as n from orders where state = 'placed'`;
  return (await executor.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
}
