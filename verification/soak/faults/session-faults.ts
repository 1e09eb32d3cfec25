import { connect } from '@convergekit/postgres';
import { onConnection, write } from '../transactions.ts';
import { between, chosen, type Fault, namesOf } from './fault.ts';

export const sessionFaults: readonly Fault[] = [
  {
    kind: 'session: long transaction in another database',
    background: true,
    async run({ world, clock, signal, ...run }) {
      const ms = between(10_000, 45_000, run);
      const strangers = connect({ url: world.strangersUrl, applicationName: 'stranger', max: 1 });
      try {
        await onConnection(strangers, async (tx) => {
          await tx.query('begin isolation level repeatable read');
          await tx.query('select pg_current_xact_id()');
          await clock.sleep(ms, signal);
          await tx.query('rollback');
        });
        return `${ms} ms`;
      } catch {
        return 'ended by a crash of Postgres';
      } finally {
        await strangers.close();
      }
    },
  },
  {
    kind: 'session: writer idle in a transaction, with an event',
    background: true,
    async run(run) {
      const { writers, clock, signal, pick } = run;
      const sources = chosen(run);
      const ms = between(3_000, 25_000, run);
      const ends = pick * 100 - Math.floor(pick * 100) < 0.7 ? 'commit' : 'rollback';
      const open = sources.map((source) =>
        onConnection(source.database, async (tx) => {
          const key = writers.get(source)?.lonelyKey(source.mainTopic, 39) ?? 'cold1';
          await tx.query('begin');
          await write(tx, [{ topic: source.mainTopic, key, size: 100 }]);
          await clock.sleep(ms, signal);
          await tx.query(ends);
        }),
      );
      const settled = await Promise.allSettled(open);
      const crashed = settled.some(({ status }) => status === 'rejected');
      return `${namesOf(sources)} for ${ms} ms, then ${crashed ? 'lost with a crash' : ends}`;
    },
  },
  {
    kind: 'session: connections of the relays ended by the server',
    async run(run) {
      const sources = chosen(run);
      let ended = 0;
      for (const { database } of sources) {
        const { rowCount } = await database.executor.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'converge-relay' and datname = current_database()`,
        );
        ended += rowCount;
      }
      return `${ended} of ${namesOf(sources)}`;
    },
  },
];
