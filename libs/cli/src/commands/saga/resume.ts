import { resumeSaga } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { refused } from '../../frame/errors.ts';
import { count, reason as why } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { databasesOfSaga, nameOf, oneInstance, sagaArgument } from './paused-saga.ts';

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
    const by = { actor: context.operator, note: reason };
    const resumed: { database: string; work: number }[] = [];
    for (const { name, database: one } of await databasesOfSaga(context, saga, instance, database)) {
      const onProgress = (done: number, total: number): void =>
        context.output.progress(`${name}: ${done} of ${total} have their time`);
      const done = await resumeSaga(one, { saga, instance }, by, { rate, onProgress });
      if (done.kind !== 'resumed') continue;
      resumed.push({ database: name, work: done.work });
      context.audit({ saga, instance, database: name, work: done.work, rate, reason });
    }
    if (resumed.length === 0)
      throw refused(
        'SAGA_NOT_PAUSED',
        `${nameOf(saga, instance)} is not paused in these databases: nothing was changed; \`converge doctor\` shows what is`,
      );
    return result({ saga, instance, resumed, rate, by: by.actor }, () =>
      resumed.map(
        ({ database: name, work }) =>
          `${name}: ${nameOf(saga, instance)} is resumed; ${work} ${work === 1 ? 'call is' : 'calls are'} due, ${rate} a second`,
      ),
    );
  },
});
