import { sagaMigrations } from '@convergekit/saga';
import { findOrphans, verifySagas, verifyWorkflows } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { optionalArgument } from '../../frame/flags.ts';
import { databases, namedDatabases } from '../../history/named-databases.ts';
import { allOf, journalReport } from '../journal/report.ts';
import { unknownInstance } from './show.ts';

/**
 * Replays journals against fences, replays workflows' journals against rows, and finds compensations without a cause.
 */
export const verifyCommand = command({
  name: 'verify',
  summary:
    'replay the journals of sagas and workflows, and find compensations without a cause; exit code 1 when something is wrong',
  args: { instance: optionalArgument('only this one: the instance of a saga, or the id of a workflow') },
  flags: databases,
  run: async (context, { instance, database }) => {
    const named = await namedDatabases(context, database, [sagaMigrations]);
    const executors = named.map((one) => one.database.executor);
    const checked = await allOf(
      executors.flatMap((one) => [verifySagas(one, instance), verifyWorkflows(one, instance)]),
    );
    if (instance !== undefined && checked.journals === 0) throw unknownInstance(instance, named);
    const orphans = await findOrphans(executors, instance);
    return journalReport(context.output, { ...checked, findings: [...checked.findings, ...orphans] });
  },
});
