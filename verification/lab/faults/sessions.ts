import { connect } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { fault } from '../types.ts';
import { chosen, namesOf } from './choose.ts';

export const longTransaction = fault({
  name: 'session-long',
  about: 'a transaction that stays open in another database of the server',
  needs: ['strangersUrl'],
  holdMs: [10_000, 45_000],
  background: true,
  inject: async ({ strangersUrl: url }) => {
    const strangers = connect({ url, applicationName: 'stranger', max: 1, onIdleError: () => undefined });
    const client = await strangers.acquire();
    const tx = executorOfClient(client);
    await tx.query('begin isolation level repeatable read');
    await tx.query('select pg_current_xact_id()');
    const repair = async (): Promise<void> => {
      // A crash of Postgres may have ended it.
      await tx.query('rollback').catch(() => undefined);
      client.release(true);
      await strangers.close();
    };
    return { what: 'open', repair };
  },
});

export const idleWriter = fault({
  name: 'session-idle',
  about: 'a writer that is idle in a transaction with an event, and commits or rolls back at last',
  needs: ['sources'],
  holdMs: [3_000, 25_000],
  background: true,
  inject: async ({ sources }, { pick }) => {
    const hit = chosen(
      sources.filter(({ writeIn }) => writeIn !== undefined),
      pick,
    );
    if (hit.length === 0) return undefined;
    const ends = pick * 100 - Math.floor(pick * 100) < 0.7 ? 'commit' : 'rollback';
    const open = await Promise.all(
      hit.map(async ({ database, writeIn }) => {
        const client = await database.acquire();
        const tx = executorOfClient(client);
        await tx.query('begin');
        await writeIn?.(tx);
        return { client, tx };
      }),
    );
    const repair = async (): Promise<void> => {
      for (const { client, tx } of open) {
        const isLost = await tx.query(ends).then(
          () => false,
          () => true,
        );
        // A connection in an unknown state is not used again; its transaction ends with it.
        client.release(isLost);
      }
    };
    return { what: `${namesOf(hit)}, then ${ends}`, repair };
  },
});

export const endedSessions = fault({
  name: 'session-ended',
  about: 'all sessions of processes in a database are ended by the server',
  needs: ['sources'],
  inject: async ({ sources }, { pick }) => {
    const hit = chosen(sources, pick);
    let ended = 0;
    for (const { database } of hit) {
      const { rowCount } = await database.executor.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name <> current_setting('application_name')`,
      );
      ended += rowCount;
    }
    return { what: `${ended} of ${namesOf(hit)}` };
  },
});
