import { formatPosition, parsePosition } from '@convergekit/contracts';
import { inboxMigrations, type SignatureOptions } from '@convergekit/inbox';
import {
  planReplay,
  readPartitions,
  type ReplayFrom,
  type ReplayPlan,
  replayPartition,
} from '@convergekit/inbox/operate';
import type { Admin } from '@convergekit/broker';
import type { Database } from '@convergekit/postgres';
import { audit, operator } from '../../frame/audit.ts';
import { CliError } from '../../frame/cli-error.ts';
import { confirm } from '../../frame/confirm.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { signaturesOf } from './signatures.ts';

export interface ReplayFlags {
  readonly topic: string;
  readonly partition?: number;
  readonly everything?: boolean;
  readonly since?: Date;
  readonly after?: string;
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Sets a consumer back in one topic, after naming the effects that it will repeat. */
export async function replayConsumer(
  context: CommandContext,
  consumer: string,
  flags: ReplayFlags,
): Promise<boolean> {
  const { settings, output } = context;
  const from = fromOf(flags);
  return withDatabase(settings, 'converge-replay', async (database) => {
    await requireMigrations(database.executor, [inboxMigrations]);
    return withAdmin(settings, async (admin) => {
      const signed = await signaturesOf(database.executor, consumer, settings.signatures);
      const plans = await plansOf(database, admin, consumer, { ...flags, from, signed });
      for (const line of plans.flatMap(describe)) output.progress(line);
      if (flags.dryRun !== true && plans.some(({ offset }) => offset !== undefined)) {
        await confirm(`Have ${consumer} repeat these effects?`, flags);
        const who = { by: operator(), reason: flags.reason };
        for (const plan of plans) {
          const { topic, partition } = plan.key;
          const done = await replayPartition(database, admin, plan, who);
          if (done !== undefined)
            audit('consumers replay', { consumer, topic, partition, from, reason: flags.reason, ...done });
        }
      }
      output.result(plans.map(summary), () => plans.flatMap(describe));
      return true;
    });
  });
}

function fromOf({ everything, since, after }: ReplayFlags): ReplayFrom {
  if ([everything, since, after].filter((one) => one !== undefined).length !== 1)
    throw new CliError(
      'say where the replay begins: one of --everything, --since <time>, --after <position>',
      {
        code: 'REPLAY_START_MISSING',
        category: 'configuration',
      },
    );
  if (since !== undefined) return { kind: 'since', timeMs: since.getTime() };
  return after === undefined ? { kind: 'everything' } : { kind: 'after', position: parsePosition(after) };
}

async function plansOf(
  database: Database,
  admin: Admin,
  consumer: string,
  wanted: Pick<ReplayFlags, 'topic' | 'partition'> & {
    readonly from: ReplayFrom;
    readonly signed: SignatureOptions | undefined;
  },
): Promise<readonly ReplayPlan[]> {
  const rows = (await readPartitions(database.executor, consumer)).filter(
    ({ topic, partition }) => topic === wanted.topic && (wanted.partition ?? partition) === partition,
  );
  if (rows.length === 0)
    throw new CliError(`${consumer} does not read this partition of ${wanted.topic} in this database`, {
      code: 'PARTITION_UNKNOWN',
      category: 'data',
    });
  const plans: ReplayPlan[] = [];
  for (const { topic, partition } of rows)
    plans.push(
      await planReplay(database.executor, admin, { consumer, topic, partition }, wanted.from, wanted.signed),
    );
  return plans;
}

const summary = ({ key, offset, nextOffset, effects, holes }: ReplayPlan) => ({
  topic: key.topic,
  partition: key.partition,
  from: offset,
  to: nextOffset,
  effects,
  gaps: holes.map(({ offset: at, source, after, upTo, passed }) => ({
    at,
    source,
    after: formatPosition(after),
    upTo: formatPosition(upTo),
    passed,
  })),
});

function describe({ key, offset, nextOffset, effects, holes }: ReplayPlan): readonly string[] {
  const place = `${key.topic}/${key.partition}`;
  if (offset === undefined) return [`${place}: nothing is repeated`];
  return [
    `${place}: from offset ${offset} to ${nextOffset}`,
    ...effects.map(
      ({ type, handler, events }) =>
        `  ${events} of ${type}: ${handler === undefined ? 'no handler' : `handler ${handler}`}`,
    ),
    ...holes.map(
      ({ offset: at, after, upTo, passed }) =>
        `  not in the log, and not repeated: what lies after ${formatPosition(after)}, up to ${formatPosition(upTo)}; ${
          passed
            ? 'it was passed before, and is again'
            : `it halts at offset ${at}: fill and resume again as before`
        }`,
    ),
  ];
}
