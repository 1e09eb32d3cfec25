import { type Named, type NamedDatabase, sagaName } from '@convergekit/operate';
import { sagaMigrations } from '@convergekit/saga';
import { heldText, pauseSaga, readPauseTarget, resumeSaga } from '@convergekit/saga/operate';
import { reportLastActs } from '../../frame/last-acts.ts';
import type { CommandContext } from '../../frame/context.ts';
import { didYouMean, refused } from '@convergekit/operate/errors';
import { argument, count, reason as why, text } from '../../frame/flags.ts';
import { hasTables } from '@convergekit/postgres/engine';
import { requireMigrations } from '@convergekit/postgres/operate';
import { allDatabases } from '../../frame/all-databases.ts';
import { databases } from '../../frame/named-databases.ts';
import { unknownInstance } from './show.ts';
import { command } from '../../frame/command.ts';
import { result } from '../../frame/result.ts';
import { counted } from '@convergekit/operate/text';

const sagaArgument = { saga: argument('the name of the saga') };

const oneInstance = {
  instance: text('id', 'only this instance (default: all of the saga, in every version)'),
  ...databases,
};

/** Opens the databases of the settings that run steps of the saga, and reports the last act on it in each. Rejects when none does, or when no database knows the instance. */
async function databasesOfSaga(
  context: CommandContext,
  saga: string,
  instance: string | undefined,
  urls: readonly string[],
): Promise<readonly Named[]> {
  const named = await withSagas(await allDatabases(context, { urls }));
  const found = await Promise.all(
    named.map(({ database }) => readPauseTarget(database.executor, { saga, instance })),
  );
  const here = named.filter((_, index) => found[index]?.sagas.includes(saga));
  if (here.length === 0) {
    const known = found.flatMap(({ sagas }) => sagas);
    throw refused(
      'SAGA_NOT_FOUND',
      `no step of saga ${saga} runs in ${named.map(({ name }) => name).join(', ')}${didYouMean(saga, known)}: nothing was changed. Name the databases of the services that run it with --database`,
    );
  }
  if (instance !== undefined && !found.some(({ knows }) => knows)) throw unknownInstance(instance, named);
  for (const { database } of here)
    await reportLastActs(context, database.executor, [instance ?? saga], 'saga');
  return here;
}

/** Leaves out databases without sagas. Rejects with MIGRATIONS_MISSING where none has any. */
async function withSagas(all: readonly NamedDatabase[]): Promise<readonly NamedDatabase[]> {
  const has = await Promise.all(all.map(({ executor }) => hasTables(executor, 'converge.saga_pause')));
  const found = all.filter((_, at) => has[at]);
  if (found.length === 0) for (const { executor } of all) await requireMigrations(executor, [sagaMigrations]);
  return found;
}

/** Takes effect with the commit in each database. What a worker has begun ends, and its outcome is recorded. */
export const pauseCommand = command({
  name: 'pause',
  summary:
    'pause the calls, queries and undos of a saga, or of one instance, until it is resumed; events and timers go on',
  args: sagaArgument,
  flags: { ...oneInstance, reason: why('why: it is shown until the saga is resumed') },
  run: async (context, { saga, instance, database, reason }) => {
    const operator = { by: context.operator, reason };
    const paused: { database: string; held: number; inFlight: number; undecided: number }[] = [];
    for (const { name, database: one } of await databasesOfSaga(context, saga, instance, database)) {
      const pause = await pauseSaga(one, { saga, instance }, operator);
      if (pause === undefined) continue;
      const { held, inFlight, undecided } = pause;
      paused.push({ database: name, held, inFlight, undecided });
      context.audit({ saga, instance, database: name, reason });
    }
    if (paused.length === 0)
      throw refused(
        'SAGA_PAUSED',
        `${sagaName(saga, instance)} is paused already: nothing was changed; \`converge doctor\` says since when and by whom`,
      );
    return result({ saga, instance, paused, ...operator }, () => [
      ...paused.map((one) => `${one.database}: ${sagaName(saga, instance)} is paused; ${heldText(one)}`),
      `\`converge saga resume ${sagaName(saga, undefined)}${instance === undefined ? '' : ` --instance ${instance}`} --reason "…"\`${database.length === 0 ? '' : ', with the same --database,'} continues it`,
    ]);
  },
});

/** A resume that breaks off leaves its saga paused. */
export const resumeCommand = command({
  name: 'resume',
  summary: 'resume a paused saga, or one instance: what waited is due at a rate, the oldest first',
  args: sagaArgument,
  flags: {
    ...oneInstance,
    rate: count('calls/s', 'so many calls, queries and undos become due in a second', 50),
    reason: why('why: it is kept in the audit'),
  },
  run: async (context, { saga, instance, database, rate, reason }) => {
    const operator = { by: context.operator, reason };
    const resumed: { database: string; work: number }[] = [];
    for (const { name, database: one } of await databasesOfSaga(context, saga, instance, database)) {
      const onProgress = (done: number, total: number): void =>
        context.output.progress(`${name}: ${done} of ${total} have their time`);
      const done = await resumeSaga(one, { saga, instance }, operator, { rate, onProgress });
      if (done.kind !== 'resumed') continue;
      resumed.push({ database: name, work: done.work });
      context.audit({ saga, instance, database: name, work: done.work, rate, reason });
    }
    if (resumed.length === 0)
      throw refused(
        'SAGA_NOT_PAUSED',
        `${sagaName(saga, instance)} is not paused in these databases: nothing was changed; \`converge doctor\` shows what is`,
      );
    return result({ saga, instance, resumed, rate, by: operator.by }, () =>
      resumed.map(
        ({ database: name, work }) =>
          `${name}: ${sagaName(saga, instance)} is resumed; ${counted(work, 'call is', 'calls are')} due, ${rate} a second`,
      ),
    );
  },
});
