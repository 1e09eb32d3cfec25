import { ConvergeError } from '@convergekit/core';
import { inboxMigrations } from '@convergekit/inbox';
import {
  GIVE_UP_LIMIT,
  type PartitionOverview,
  pauseConsumer,
  readOverview,
  type Resumed,
  resumePartition,
} from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '@convergekit/operate/errors';
import { argument, asks, dryRun, type Flag, index, reason as why, text, toggle } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { haltLines } from './halt-text.ts';
import { consumerToActOn, requireRead } from './known-consumer.ts';

/** Pauses a consumer. Slices in work end first; the processes notice by themselves. */
export const pauseCommand = command({
  name: 'pause',
  summary: 'pause a consumer: no handler is called, also for parked events, until it is resumed',
  args: { consumer: argument('a consumer of DATABASE_URL') },
  flags: {
    topic: text('name', 'only of this topic'),
    reason: why('why: it is shown until the consumer is resumed'),
    ...dryRun,
  },
  run: async (context, { consumer, topic, reason, dryRun: dry }) => {
    const database = await context.database(inboxMigrations);
    await consumerToActOn(context, database.executor, consumer);
    const all = requireRead(consumer, await readOverview(database.executor, consumer), {
      topic,
    });
    const open = all.filter((row) => !row.paused);
    if (open.length === 0)
      throw refused(
        'NOTHING_RUNS',
        `all such partitions of ${consumer} are paused: \`converge consumers list ${consumer}\` shows what is halted, and why`,
      );
    if (dry) return result(open.map(placeOf), () => open.map((row) => `would pause ${nameOf(row)}`));
    const paused = await pauseConsumer(database, { consumer, topic }, { by: context.operator, reason });
    context.audit({ consumer, topic, reason, partitions: paused.length });
    return result(paused.map(placeOf), () => [
      ...paused.map((row) => `${nameOf(row)}: paused`),
      `\`converge consumers resume ${consumer} --reason "…"\` continues it`,
    ]);
  },
});

interface Place {
  readonly topic: string;
  readonly partition: number;
}

const placeOf = ({ topic, partition }: Place): Place => ({ topic, partition });
const nameOf = ({ topic, partition }: Place): string => `${topic}/${partition}`;

const from: Flag<'earliest' | undefined> = {
  help: 'begin with what the log holds, after it lost their place',
  value: 'place',
  choices: ['earliest'],
};

/** Resumes halted partitions of a consumer. The process that owns a partition notices by itself. */
export const resumeCommand = command({
  name: 'resume',
  summary: 'resume halted partitions; what was filled is handled first',
  args: { consumer: argument('a consumer with halted partitions') },
  flags: {
    topic: text('name', 'only of this topic'),
    partition: index('number', 'only this partition'),
    continue: toggle(
      'pass the record at which they are halted: a gap is kept for later, a record of an old primary is skipped; after give_up_limit, let as many again be given up',
    ),
    reject: index('offset', 'take this record for forged: its position does not count'),
    from,
    reason: why('why: it is kept with the partition'),
    ...dryRun,
    ...asks,
  },
  run: async (
    context,
    { consumer, topic, partition, continue: pass, reject, from: start, reason, dryRun: dry },
  ) => {
    const database = await context.database(inboxMigrations);
    await consumerToActOn(context, database.executor, consumer);
    const all = requireRead(consumer, await readOverview(database.executor, consumer), {
      topic,
      partition,
    });
    const halted = all.filter((row) => row.halted !== null);
    if (halted.length === 0)
      throw refused(
        'NOTHING_HALTED',
        `no such partition of ${consumer} is halted in this database: \`converge consumers list\` shows what is`,
      );
    const halts = halted.map(({ halted: at, ...row }) => ({ ...row, reason: `${at?.code}: ${at?.reason}` }));
    for (const line of haltLines(halts)) context.output.progress(line);
    if (dry)
      return result(
        halted.map((row) => ({ ...placeOf(row), ...row.halted })),
        () => halted.map((row) => `would resume ${nameOf(row)}`),
      );
    if (reject !== undefined && halted.length !== 1)
      throw new UsageError(
        'REJECT_INCOMPLETE',
        `--reject needs one halted partition: ${halted.length} match; name it with --topic and --partition`,
      );
    if (reject !== undefined) await context.confirm(`Take the record at offset ${reject} for forged?`);
    if (pass) await context.confirm(questionOf(halted));
    const options = {
      by: context.operator,
      reason,
      pass,
      fromEarliest: start === 'earliest',
      ...(reject === undefined ? {} : { reject: BigInt(reject) }),
    };
    const admin = await context.admin();
    const done: (Resumed & Place)[] = [];
    const left: string[] = [];
    // What does not fit the halt of one partition does not keep the others from their resume.
    for (const at of halted) {
      const key = { consumer, ...placeOf(at) };
      const resumed = await resumePartition(database, admin, key, options).catch(refusalOf);
      if (typeof resumed === 'string') left.push(`${nameOf(at)} stays halted: ${resumed}`);
      else {
        context.audit({ ...key, ...options, ...resumed });
        done.push({ ...placeOf(at), ...resumed });
      }
    }
    if (done.length === 0) throw refused('RESUME_REFUSED', left.join('; '));
    for (const line of left) context.output.progress(line);
    return result(
      done,
      () =>
        done.map((one) => `${nameOf(one)}: resumed at offset ${one.nextOffset} (was halted: ${one.code})`),
      left.length === 0,
    );
  },
});

/** Returns why a resume was refused. Rethrows any other error. */
function refusalOf(error: unknown): string {
  if (error instanceof ConvergeError && error.code === 'RESUME_REFUSED') return error.message;
  throw error;
}

/** Asks for what `--continue` accepts. Pure. */
function questionOf(rows: readonly Pick<PartitionOverview, 'halted'>[]): string {
  const limited = rows.filter(({ halted }) => halted?.code === GIVE_UP_LIMIT).length;
  return [
    ...(limited > 0 ? ['Let as many events again be given up, which others compensate?'] : []),
    ...(limited < rows.length ? ['Continue without what is missing there?'] : []),
  ].join(' ');
}
