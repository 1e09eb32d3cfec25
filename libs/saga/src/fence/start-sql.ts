import type { Executor } from '@convergekit/postgres';
import { sendAhead } from '@convergekit/postgres/engine';
import type { SagaRef, StepKey } from '../calls/work/step-key.ts';
import type { Transaction } from 'kysely';

/** A start of a saga, at the step that may cancel it. */
export interface SagaStart extends StepKey {
  /** The key under which the start is noted; undefined: it is not. */
  readonly key: string | undefined;
  /** True when the start takes its lock. */
  readonly locks: boolean;
}

// A two-int advisory space of the kit, 0x636f6e79; the outbox and the migrator have others. Held until the commit.
const lockSql = `select pg_advisory_xact_lock(1668247161, hashtext($1))`;

// The locks are taken in the order of their numbers, so that two slices do not wait for each other in turn.
const noteAndLockSql = `
  with noted as (
    insert into converge.saga_start (saga, instance, version, key)
    select * from unnest($1::text[], $2::text[], $3::int[], $4::text[]) on conflict (saga, instance) do nothing)
  select pg_advisory_xact_lock(1668247161, number)
    from (select distinct hashtext(name) as number from unnest($5::text[]) as name order by number) as numbers`;

function valuesOf(starts: readonly SagaStart[]): readonly unknown[] {
  const noted = starts.filter(({ key }) => key !== undefined);
  return [
    noted.map(({ saga }) => saga),
    noted.map(({ instance }) => instance),
    noted.map(({ version }) => version),
    noted.map(({ key }) => key),
    starts.flatMap((start) => (start.locks ? [lockNameOf(start)] : [])),
  ];
}

/** Notes and locks the start of a saga. */
export async function noteAndLockStart(tx: Executor, start: SagaStart): Promise<void> {
  await tx.query(noteAndLockSql, valuesOf([start]));
}

/** Notes and locks starts of distinct runs, by one statement whose answer is not awaited. */
export function noteAndLockStarts<DB>(tx: Transaction<DB>, starts: readonly SagaStart[]): Promise<void> {
  return sendAhead(tx, [noteAndLockSql, valuesOf(starts)]);
}

/** Makes a saga's start and its end wait for each other at one step: its fence, to lock, may not exist yet. */
export async function lockStart(tx: Executor, step: StepKey): Promise<void> {
  await tx.query(lockSql, [lockNameOf(step)]);
}

function lockNameOf({ saga, instance, step }: StepKey): string {
  return `${saga}/${instance}/${step}`;
}

// The look-up uses saga_start_key.
const findSql = `
  select instance, version from converge.saga_start where saga = $1 and key = $2 order by started_at`;

/**
 * The runs of a saga that started under a key. The version is the newest that this service knew then: while versions are
 * deployed, the service of the first step may have begun another one.
 */
export async function startsOf(
  tx: Executor,
  saga: string,
  key: string,
): Promise<readonly Pick<SagaRef, 'instance' | 'version'>[]> {
  const { rows } = await tx.query<Pick<SagaRef, 'instance' | 'version'>>(findSql, [saga, key]);
  return rows;
}
