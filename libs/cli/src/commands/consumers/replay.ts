import { formatPosition, parsePosition } from '@convergekit/contracts/engine';
import { inboxMigrations, type SignatureOptions } from '@convergekit/inbox';
import {
  planReplay,
  readOverview,
  readSources,
  type ReplayFrom,
  replayPartition,
  type ReplayPlan,
} from '@convergekit/inbox/operate';
import { loose, nearest } from '@convergekit/config/engine';
import type { Executor } from '@convergekit/postgres';
import { command } from '../../frame/command.ts';
import { misconfigured, UsageError } from '@convergekit/operate/errors';
import {
  afterCompensation,
  argument,
  asks,
  dryRun,
  index,
  instant,
  needed,
  reason as why,
  text,
  toggle,
} from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { consumerToActOn, requireRead } from './known-consumer.ts';
import { contradictions } from '@convergekit/operate/parked';
import { knownTo } from '../../frame/act-command.ts';
import { databases } from '../../frame/named-databases.ts';

/** Sets a consumer back in one topic, after naming the effects that it will repeat. */
export const replayCommand = command({
  name: 'replay',
  summary: 'set a consumer back, so that it handles events again; names what it will repeat',
  args: { consumer: argument('a consumer of DATABASE_URL') },
  flags: {
    topic: needed(text('name', 'of this topic')),
    partition: index('number', 'only this partition'),
    everything: toggle('all that the log holds'),
    since: instant('from the first record of this time on'),
    after: text('position', 'what comes after this position, as `consumers list` shows it'),
    afterCompensation: afterCompensation('handles'),
    ...databases,
    reason: why('why: it is kept with the partition'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { consumer, topic, partition, everything, since, after, ...given }) => {
    const { reason, dryRun: dry, afterCompensation: named, database: urls } = given;
    const from = fromOf(everything, since, after);
    const database = await context.database(inboxMigrations);
    const { executor } = database;
    await consumerToActOn(context, executor, consumer);
    const admin = await context.admin();
    const signed = await signaturesOf(executor, consumer, context.settings.signatures);
    const rows = requireRead(consumer, await readOverview(executor, consumer), {
      topic,
      partition,
    });
    const plans: ReplayPlan[] = [];
    for (const row of rows)
      plans.push(
        await planReplay(executor, admin, { consumer, topic, partition: row.partition }, from, signed),
      );
    const contradicted = await contradictions(
      { known: knownTo(context, urls) },
      plans.flatMap(({ reported }) => reported),
    );
    for (const line of [...plans.flatMap(describe), ...contradicted]) context.output.progress(line);
    if (!dry && plans.some(({ offset }) => offset !== undefined)) {
      await context.confirm(`Repeat these effects of ${consumer}?`);
      for (const plan of plans) {
        const how = { afterCompensation: named };
        const by = { by: context.operator, reason };
        const done = await replayPartition(database, admin, plan, by, how);
        if (done !== undefined)
          context.audit({ consumer, topic, partition: plan.key.partition, from, reason, ...done });
      }
    }
    return result(plans.map(summary), () => plans.flatMap(describe));
  },
});

function fromOf(everything: boolean, since: Date | undefined, after: string | undefined): ReplayFrom {
  if ([everything || undefined, since, after].filter((one) => one !== undefined).length !== 1)
    throw new UsageError(
      'REPLAY_START_MISSING',
      'say where the replay begins: one of --everything, --since <time>, --after <position>',
    );
  if (since !== undefined) return { kind: 'since', timeMs: since.getTime() };
  return after === undefined ? { kind: 'everything' } : { kind: 'after', position: parsePosition(after) };
}

const summary = ({ key, offset, nextOffset, effects, holes, reported }: ReplayPlan) => ({
  topic: key.topic,
  partition: key.partition,
  from: offset,
  to: nextOffset,
  effects,
  reported,
  gaps: holes.map(({ offset: at, source, after, upTo, passed }) => ({
    at,
    source,
    after: formatPosition(after),
    upTo: formatPosition(upTo),
    passed,
  })),
});

function describe({ key, offset, nextOffset, effects, holes, reported }: ReplayPlan): readonly string[] {
  const place = `${key.topic}/${key.partition}`;
  if (offset === undefined) return [`${place}: nothing is repeated`];
  return [
    `${place}: from offset ${offset} to ${nextOffset}`,
    ...effects.map(
      ({ type, handler, events }) =>
        `  ${events} of ${type}: ${handler === undefined ? 'no handler' : `handler ${handler}`}`,
    ),
    ...(reported.length === 0
      ? []
      : [`  ${reported.length} of them were given up, and their failure events were emitted`]),
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

/**
 * Gives each key the name of a source that the consumer has read; undefined without keys.
 * The environment spells `orders_db` as ORDERS_DB, so spellings are compared. A key of no source would compare nothing,
 * unnoticed: it is refused.
 */
async function signaturesOf(
  executor: Executor,
  consumer: string,
  { keys, others }: Required<Omit<SignatureOptions, 'failures'>>,
): Promise<SignatureOptions | undefined> {
  if (Object.keys(keys).length === 0) return undefined;
  const names = [...new Set((await readSources(executor, consumer)).values())];
  const named = Object.entries(keys).map(
    ([spelled, texts]) => [nameOf(spelled, names, consumer), texts] as const,
  );
  return { keys: Object.fromEntries(named), others };
}

function nameOf(spelled: string, names: readonly string[], consumer: string): string {
  const same = names.includes(spelled) ? [spelled] : names.filter((name) => loose(name) === loose(spelled));
  const [name] = same;
  if (name !== undefined && same.length === 1) return name;
  const near = nearest(spelled, names);
  const hint = near === undefined ? `it has read ${names.join(', ') || 'none'}` : `did you mean ${near}?`;
  throw misconfigured(
    'SIGNATURE_SOURCE_UNKNOWN',
    name === undefined
      ? `signatures.keys.${spelled} is of no source that ${consumer} has read: ${hint}`
      : `signatures.keys.${spelled} may be of ${same.join(' or ')}: name it exactly, in a settings file`,
  );
}
