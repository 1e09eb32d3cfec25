import { inboxMigrations } from '@convergekit/inbox';
import { type PartitionRow, readPartitions, type Resumed, resumePartition } from '@convergekit/inbox/operate';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';

export interface ResumeFlags {
  readonly topic?: string;
  readonly partition?: number;
  readonly continue?: boolean;
  readonly from?: 'earliest';
  readonly reject?: number;
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Lets halted partitions of a consumer go on: their owners notice by themselves. */
export async function resumeConsumer(
  context: CommandContext,
  consumer: string,
  flags: ResumeFlags,
): Promise<boolean> {
  const { settings, output } = context;
  return withDatabase(settings, 'converge-resume', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    const halted = (await readPartitions(database.executor, consumer)).filter((row) => wanted(row, flags));
    if (halted.length === 0)
      throw new CliError(
        `no such partition of ${consumer} is halted in this database: \`converge consumers list\` shows what is`,
        {
          code: 'NOTHING_HALTED',
          category: 'data',
        },
      );
    for (const row of halted) output.progress(`${placeOf(row)}: ${row.halted?.code}: ${row.halted?.reason}`);
    if (flags.dryRun === true) {
      output.result(halted.map(named), () => halted.map((row) => `would resume ${placeOf(row)}`));
      return true;
    }
    const reject = rejectedOffset(flags, halted);
    if (reject !== undefined) await confirm(`Take the record at offset ${reject} for forged?`, flags);
    if (flags.continue === true) await confirm('Go on without what is missing there?', flags);
    const options = {
      by: operator(),
      reason: flags.reason,
      pass: flags.continue === true,
      fromEarliest: flags.from === 'earliest',
      ...(reject === undefined ? {} : { reject }),
    };
    const done: (Resumed & { topic: string; partition: number })[] = [];
    await withAdmin(settings, async (admin) => {
      for (const { topic, partition } of halted) {
        const resumed = await resumePartition(database, admin, { consumer, topic, partition }, options);
        audit('consumers resume', { consumer, topic, partition, ...options, ...resumed });
        done.push({ topic, partition, ...resumed });
      }
    });
    output.result(done, () =>
      done.map((one) => `${placeOf(one)}: resumed at offset ${one.nextOffset} (was halted: ${one.code})`),
    );
    return true;
  });
}

/** The offset of the rejected record, which is of one partition. */
function rejectedOffset({ reject }: ResumeFlags, halted: readonly PartitionRow[]): bigint | undefined {
  if (reject === undefined) return undefined;
  if (halted.length !== 1)
    throw new CliError(
      `--reject needs one halted partition: ${halted.length} match; name it with --topic and --partition`,
      { code: 'REJECT_INCOMPLETE', category: 'configuration' },
    );
  return BigInt(reject);
}

function wanted({ topic, partition, halted }: PartitionRow, flags: ResumeFlags): boolean {
  return (
    halted !== undefined && (flags.topic ?? topic) === topic && (flags.partition ?? partition) === partition
  );
}

const named = ({ topic, partition, halted }: PartitionRow) => ({ topic, partition, ...halted });

const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${partition}`;
