import { pauseSaga } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { reason as why } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { databasesOfSaga, heldText, nameOf, oneInstance, sagaArgument } from './paused-saga.ts';

/** Takes effect with the commit in each database. What a worker has begun ends, and its outcome is recorded. */
export const pauseCommand = command({
  name: 'pause',
  summary:
    'pause the calls, queries and undos of a saga, or of one instance, until it is resumed; events and timers go on',
  args: sagaArgument,
  flags: { ...oneInstance, reason: why('why: it is shown until the saga is resumed') },
  run: async (context, { saga, instance, database, reason }) => {
    const by = { actor: context.operator, note: reason };
    const paused: { database: string; held: number; inFlight: number }[] = [];
    for (const { name, database: one } of await databasesOfSaga(context, saga, instance, database)) {
      const pause = await pauseSaga(one, { saga, instance }, by);
      if (pause === undefined) continue;
      paused.push({ database: name, held: pause.held, inFlight: pause.inFlight });
      context.audit({ saga, instance, database: name, reason });
    }
    if (paused.length === 0)
      throw refused(
        'SAGA_PAUSED',
        `${nameOf(saga, instance)} is paused already: nothing was changed; \`converge doctor\` says since when and by whom`,
      );
    return result({ saga, instance, paused, by: by.actor, reason }, () => [
      ...paused.map((one) => `${one.database}: ${nameOf(saga, instance)} is paused; ${heldText(one)}`),
      `\`converge saga resume ${nameOf(saga, undefined)}${instance === undefined ? '' : ` --instance ${instance}`} --reason "…"\` continues it`,
    ]);
  },
});
