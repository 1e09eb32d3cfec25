import { inboxMigrations } from '@convergekit/inbox';
import {
  GIVE_UP_LIMIT,
  type PartitionRow,
  readPartitions,
  type Resumed,
  resumePartition,
} from '@convergekit/inbox/operate';
import { command } from '../../frame/command.ts';
import { refused, UsageError } from '../../frame/errors.ts';
import {
  argument,
  asks,
  dryRun,
  type Flag,
  index,
  reason as reasonFlag,
  text,
  toggle,
} from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { haltLines } from './halt-text.ts';

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
    reason: reasonFlag('why: it is kept with the partition'),
    ...dryRun,
    ...asks,
  },
  run: async (
    context,
    { consumer, topic, partition, continue: pass, reject, from: start, reason, dryRun: dry },
  ) => {
    const database = await context.database(inboxMigrations);
    const halted = (await readPartitions(database.executor, consumer)).filter(
      (row) =>
        row.halted !== undefined &&
        (topic ?? row.topic) === row.topic &&
        (partition ?? row.partition) === row.partition,
    );
    if (halted.length === 0)
      throw refused(
        'NOTHING_HALTED',
        `no such partition of ${consumer} is halted in this database: \`converge consumers list\` shows what is`,
      );
    const why = halted.map(({ halted: at, ...row }) => ({
      ...row,
      consumer,
      code: '',
      reason: `${at?.code}: ${at?.reason}`,
    }));
    for (const line of haltLines(why)) context.output.progress(line);
    if (dry)
      return result(
        halted.map((row) => ({ topic: row.topic, partition: row.partition, ...row.halted })),
        () => halted.map((row) => `would resume ${placeOf(row)}`),
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
    const done: (Resumed & { topic: string; partition: number })[] = [];
    for (const at of halted) {
      const key = { consumer, topic: at.topic, partition: at.partition };
      const resumed = await resumePartition(database, admin, key, options);
      context.audit({ ...key, ...options, ...resumed });
      done.push({ topic: at.topic, partition: at.partition, ...resumed });
    }
    return result(done, () =>
      done.map((one) => `${placeOf(one)}: resumed at offset ${one.nextOffset} (was halted: ${one.code})`),
    );
  },
});

/** Asks for what `--continue` accepts. Pure. */
function questionOf(rows: readonly Pick<PartitionRow, 'halted'>[]): string {
  const limited = rows.filter(({ halted }) => halted?.code === GIVE_UP_LIMIT).length;
  return [
    ...(limited > 0 ? ['Let as many events again be given up, which others compensate?'] : []),
    ...(limited < rows.length ? ['Continue without what is missing there?'] : []),
  ].join(' ');
}

const placeOf = ({ topic, partition }: Pick<PartitionRow, 'topic' | 'partition'>): string =>
  `${topic}/${partition}`;
