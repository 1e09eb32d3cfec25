import { formatPosition, parsePosition } from '@convergekit/contracts/engine';
import { planReplay, type ReplayFrom, replayPartition, type ReplayPlan } from '@convergekit/inbox/operate';
import { UsageError } from '../host/errors.ts';
import { contradictions } from '../parked/compensations.ts';
import { act } from '../registry/act.ts';
import { actOnEach } from '../registry/each.ts';
import { instant, type InputOf, required, text, toggle } from '../registry/fields.ts';
import { type Reads, withAdmin } from '../registry/reads.ts';
import {
  concerns,
  lastActsOn,
  nameOf,
  ofPartition,
  type Partition,
  partitionsWord,
  requirePartitions,
  tables,
} from './partitions.ts';
import { replaySignatures } from './replay-signatures.ts';

const input = {
  ...ofPartition,
  topic: required(text('name', 'of this topic')),
  everything: toggle('all that the log holds'),
  since: instant('from the first record of this time on'),
  after: text('position', 'what comes after this position, as `consumers list` shows it'),
  afterCompensation: toggle(
    'handles given-up events too, although other services may have compensated their failure events',
  ),
};
type Input = InputOf<typeof input>;

interface Planned {
  readonly at: Partition;
  readonly plan: ReplayPlan;
}

/** Sets a consumer back in one topic, after naming the effects that it will repeat. */
export const replay = act({
  name: 'consumers.replay',
  title: 'Handle again',
  summary: 'set a consumer back, so that it handles events again; names what it will repeat',
  did: 'set back',
  tables,
  input,
  looksElsewhere: true,
  concerns,
  preview: async (reads, given) => {
    const planned = await planAll(reads, given);
    const eligible = planned.filter(({ plan }) => plan.offset !== undefined).length;
    const reported = planned.flatMap(({ plan }) => plan.reported);
    return {
      eligible,
      unit: partitionsWord(eligible),
      others: [{ count: planned.length - eligible, why: 'nothing is repeated there' }],
      effect: `The effects of ${given.consumer} named here are repeated.`,
      refusal: 'REPLAY_REFUSED',
      consents:
        reported.length === 0 || given.afterCompensation
          ? []
          : [
              {
                field: 'afterCompensation',
                value: 'yes',
                label: `Include the ${reported.length} that may be compensated`,
              },
            ],
      notes: [
        ...(await lastActsOn(reads, given.consumer)),
        ...planned.flatMap(({ plan }) => describe(plan)),
        ...(await contradictions(reads, reported)),
      ],
      things: () => Promise.resolve({ rows: planned.map(({ plan }) => rowOf(plan)), lines: [] }),
    };
  },
  run: async (reads, given, acting) => {
    const operator = { by: acting.by, reason: acting.reason };
    const how = { afterCompensation: given.afterCompensation };
    const planned = await planAll(reads, given);
    const { changed } = await withAdmin(reads, (admin) =>
      actOnEach(
        planned.filter(({ plan }) => plan.offset !== undefined),
        acting,
        async ({ at, plan }) => {
          await replayPartition(at.database.database, admin, plan, operator, how);
        },
      ),
    );
    return {
      text: `${changed.length} ${partitionsWord(changed.length)} of ${given.consumer} set back`,
      changed: changed.length,
      lines: changed.flatMap(({ plan }) => describe(plan)),
      value: planned.map(({ plan }) => rowOf(plan)),
    };
  },
});

async function planAll(reads: Reads, given: Input & { readonly topic: string }): Promise<readonly Planned[]> {
  const { consumer, topic } = given;
  const from = fromOf(given);
  const rows = await requirePartitions(reads, given);
  return withAdmin(reads, async (admin) => {
    const planned: Planned[] = [];
    for (const at of rows) {
      const { executor } = at.database;
      const signed = await replaySignatures(executor, consumer, reads.settings.signatures);
      const key = { consumer, topic, partition: at.partition };
      planned.push({ at, plan: await planReplay(executor, admin, key, from, signed) });
    }
    return planned;
  });
}

function fromOf({ everything, since, after }: Pick<Input, 'everything' | 'since' | 'after'>): ReplayFrom {
  if ([everything || undefined, since, after].filter((one) => one !== undefined).length !== 1)
    throw new UsageError(
      'REPLAY_START_MISSING',
      'say where the replay begins: one of --everything, --since <time>, --after <position>',
    );
  if (since !== undefined) return { kind: 'since', timeMs: since.getTime() };
  return after === undefined ? { kind: 'everything' } : { kind: 'after', position: parsePosition(after) };
}

const rowOf = ({ key, offset, nextOffset, effects, holes, reported }: ReplayPlan) => ({
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
  if (offset === undefined) return [`${nameOf(key)}: nothing is repeated`];
  return [
    `${nameOf(key)}: from offset ${offset} to ${nextOffset}`,
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
