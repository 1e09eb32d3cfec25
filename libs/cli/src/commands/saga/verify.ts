import { sagaMigrations } from '@convergekit/effects';
import { findOrphans, readSagaRecords, verifyJournal } from '@convergekit/saga/operate';
import { verifyWorkflows } from '@convergekit/workflow/operate';
import { command } from '../../frame/command.ts';
import { optionalArgument } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { databases, namedDatabases } from '../../history/named-databases.ts';
import { unknownInstance } from './show.ts';

/** Replays journals against fences and those of workflows against their rows, and finds compensations without a cause. */
export const verifyCommand = command({
  name: 'verify',
  summary:
    'replay the journals of sagas and workflows, and find compensations without a cause; exit code 1 when something is wrong',
  args: { instance: optionalArgument('only this one: the instance of a saga, or the id of a workflow') },
  flags: databases,
  run: async (context, { instance, database }) => {
    const named = await namedDatabases(context, database, [sagaMigrations]);
    const executors = named.map((one) => one.database.executor);
    const chapters = [];
    for (const executor of executors) chapters.push(await readSagaRecords(executor, { instance }));
    const rows = chapters.reduce((sum, { journal }) => sum + journal.length, 0);
    const workflows = { seen: 0, flaws: [] as { workflow: string; id: string; what: string }[] };
    for (const executor of executors)
      for await (const { issues, workflow, id } of verifyWorkflows(executor, instance)) {
        workflows.seen += 1;
        workflows.flaws.push(...issues.map((what) => ({ workflow, id, what })));
      }
    if (instance !== undefined && rows === 0 && workflows.seen === 0) throw unknownInstance(instance, named);
    const flaws = chapters.flatMap(verifyJournal);
    const orphans = await findOrphans(executors, instance);
    const fail = context.output.mark('fail');
    return result(
      { rows, flaws, orphans, workflows },
      () => [
        ...flaws.map((one) => {
          const where = one.seq === undefined ? '' : `, row ${one.seq}`;
          return `${fail} ${one.saga} ${one.instance}, step ${one.step}${where}: ${one.what}`;
        }),
        ...orphans.map(
          (one) =>
            `${fail} ${one.saga} ${one.instance}, step ${one.step}, row ${one.seq}: no step emitted event ${one.causeEvent}, which it names as its cause`,
        ),
        ...workflows.flaws.map(({ workflow, id, what }) => `${fail} workflow ${workflow} ${id}: ${what}`),
        `${rows} rows replayed, ${flaws.length} flaws, ${orphans.length} compensations without a cause`,
        ...(workflows.seen === 0
          ? []
          : [`${workflows.seen} workflows replayed, ${workflows.flaws.length} flaws`]),
      ],
      flaws.length === 0 && orphans.length === 0 && workflows.flaws.length === 0,
    );
  },
});
