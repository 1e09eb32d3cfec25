import {
  findOrphans,
  type InstanceState,
  type InstanceView,
  listInstances,
  readChapter,
  verifyJournal,
} from '@convergekit/saga';
import { sagaMigrations } from '@convergekit/effects';
import { verifyStacks } from '@convergekit/workflow';
import { CliError } from '../../frame/cli-error.ts';
import type { CommandContext } from '../../frame/context.ts';
import { readNarrative } from './narrative/read-narrative.ts';
import { renderNarrative } from './narrative/render-narrative.ts';
import { table } from '../../frame/output.ts';
import { type DatabaseFlags, type Named, withDatabases } from '../../history/named-databases.ts';

export interface SagaListFlags extends DatabaseFlags {
  readonly state?: readonly InstanceState[];
  readonly saga?: string;
  readonly key?: string;
  readonly limit: number;
}

/** Instances as observers in the named databases have them, and the steps there that wait for a person. */
export function listSagas(context: CommandContext, flags: SagaListFlags): Promise<boolean> {
  const { state: states, saga, key, limit } = flags;
  const filter = {
    ...(states === undefined ? {} : { states }),
    ...(saga === undefined ? {} : { saga }),
    ...(key === undefined ? {} : { key }),
    limit,
  };
  return within(context, flags, async (named) => {
    const rows: InstanceView[] = [];
    for (const { database } of named) rows.push(...(await listInstances(database.executor, filter)));
    context.output.result(rows, () =>
      table([
        ['INSTANCE', 'SAGA', 'KEY', 'STATE', 'STARTED', 'ENDED', 'WHY'],
        ...rows.map((row) => [
          row.instance,
          `${row.saga} v${row.version}`,
          row.key,
          row.state,
          row.startedAt?.toISOString() ?? '-',
          row.endedAt?.toISOString() ?? '-',
          row.reason ?? '',
        ]),
      ]),
    );
    return true;
  });
}

/** One instance: how it stands, what was told of each step, and what each fence says. */
export function showSaga(context: CommandContext, instance: string, flags: DatabaseFlags): Promise<boolean> {
  return within(context, flags, async (named) => {
    const narrative = await readNarrative(named, instance);
    if (narrative.entries.length === 0) throw unknown(instance, named);
    const { entries, waiting, ...stands } = narrative;
    const work = entries.filter((entry) => entry.kind === 'work');
    const parked = entries.filter((entry) => entry.kind === 'parked');
    context.output.result({ ...stands, work, parked, waiting }, () => {
      const { steps, saga = 'unknown', state = 'not observed', reason = '' } = stands;
      return [
        `saga ${saga}, instance ${instance}: ${state}${reason === '' ? '' : `, ${reason}`}`,
        '',
        ...table([
          ['STEP', 'BY', 'STATE', 'STUCK SINCE', 'WHY'],
          ...steps.map((step) => [
            step.step,
            step.consumer,
            step.state,
            step.stuckSince ?? '-',
            step.reason ?? step.reasonCode ?? '',
          ]),
        ]),
      ];
    });
    return true;
  });
}

export function narrativeCommand(
  context: CommandContext,
  instance: string,
  flags: DatabaseFlags,
): Promise<boolean> {
  return within(context, flags, async (named) => {
    const narrative = await readNarrative(named, instance);
    if (narrative.entries.length === 0) throw unknown(instance, named);
    context.output.result(narrative, () => renderNarrative(narrative));
    return true;
  });
}

/**
 * Replays journals against fences and those of stacks against their rows, and looks for compensations without a cause. False when
 * there is a flaw.
 */
export function verifySagas(
  context: CommandContext,
  instance: string | undefined,
  flags: DatabaseFlags,
): Promise<boolean> {
  return within(context, flags, async (named) => {
    const executors = named.map(({ database }) => database.executor);
    const chapters = [];
    for (const executor of executors) chapters.push(await readChapter(executor, { instance }));
    const rows = chapters.reduce((sum, { journal }) => sum + journal.length, 0);
    const stacks = { seen: 0, flaws: [] as StackFlaw[] };
    for (const executor of executors)
      for await (const { issues, ...of } of verifyStacks(executor, instance)) {
        stacks.seen += 1;
        stacks.flaws.push(...issues.map((what) => ({ ...of, what })));
      }
    if (instance !== undefined && rows === 0 && stacks.seen === 0) throw unknown(instance, named);
    const flaws = chapters.flatMap(verifyJournal);
    const orphans = await findOrphans(executors, instance);
    context.output.result({ rows, flaws, orphans, stacks }, () => [
      ...flaws.map(({ saga, instance: of, step, seq, what }) => {
        const where = seq === undefined ? '' : `, row ${seq}`;
        return `${context.output.mark('fail')} ${saga} ${of}, step ${step}${where}: ${what}`;
      }),
      ...orphans.map(
        (one) =>
          `${context.output.mark('fail')} ${one.saga} ${one.instance}, step ${one.step}, row ${one.seq}: no step told event ${one.causeEvent}, which it names as its cause`,
      ),
      ...stacks.flaws.map(
        ({ stack, id, what }) => `${context.output.mark('fail')} stack ${stack} ${id}: ${what}`,
      ),
      `${rows} rows replayed, ${flaws.length} flaws, ${orphans.length} compensations without a cause`,
      ...(stacks.seen === 0 ? [] : [`${stacks.seen} stacks replayed, ${stacks.flaws.length} flaws`]),
    ]);
    return flaws.length === 0 && orphans.length === 0 && stacks.flaws.length === 0;
  });
}

interface StackFlaw {
  readonly stack: string;
  readonly id: string;
  readonly what: string;
}

function within(
  { settings }: CommandContext,
  flags: DatabaseFlags,
  fn: (named: readonly Named[]) => Promise<boolean>,
): Promise<boolean> {
  return withDatabases(settings, flags, [sagaMigrations], fn);
}

function unknown(instance: string, named: readonly Named[]): CliError {
  const names = named.map(({ name }) => name).join(', ');
  return new CliError(
    `saga ${instance} is not known in ${names}: no step of it ran there and no observer saw it. Check the id (of the event that started it: \`converge saga list\`), and name the databases of the other services with --database`,
    { code: 'SAGA_NOT_FOUND', category: 'data' },
  );
}
