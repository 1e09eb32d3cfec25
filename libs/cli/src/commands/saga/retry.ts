import { sagaMigrations } from '@convergekit/saga';
import { retryStep, waitingStep } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, reason as why } from '../../frame/flags.ts';
import { actOn } from '../journal/act.ts';
import { instanceArgument } from './show.ts';

/** The arguments that name one step. */
export const stepArguments = {
  instance: instanceArgument,
  step: argument('a step, in DATABASE_URL, of the service that runs it'),
};

/** Retries a step's call, its undo, or an event that the step could not handle. */
export const retryCommand = command({
  name: 'retry',
  summary: 'retry a step now: its call, its undo, or the event that it could not handle',
  args: stepArguments,
  flags: { reason: why('why: it is kept in the journal'), ...asks },
  run: async (context, { instance, step, reason }) => {
    const database = await context.database(sagaMigrations);
    const at = { instance, step };
    const seen = await waitingStep(database, at);
    const stuck = seen.state === 'stuck' || seen.work.some(({ state }) => state === 'stuck');
    const question = stuck ? `Retry ${step}, which may have taken effect already?` : undefined;
    return actOn(context, { did: 'retry', reason, question }, [
      { named: at, text: `${step} of ${instance}`, act: (by) => retryStep(database, at, by, { seen }) },
    ]);
  },
});
