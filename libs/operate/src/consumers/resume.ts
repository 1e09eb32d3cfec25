import { GIVE_UP_LIMIT, PAUSED, type Resumed, resumePartition } from '@convergekit/inbox/operate';
import { refused, UsageError } from '../host/errors.ts';
import { act, type Preview } from '../registry/act.ts';
import { actOnEach, requireExpected } from '../registry/each.ts';
import { bigIndex, type InputOf, oneOf, optional, toggle } from '../registry/fields.ts';
import { withAdmin } from '../registry/reads.ts';
import {
  concerns,
  lastActsOn,
  nameOf,
  ofPartition,
  type Partition,
  partitionsWord,
  placeOf,
  requirePartitions,
  tables,
} from './partitions.ts';
import { haltLines } from './halts.ts';

/** Halts of a partition whose log lost its place: an operator decides where to begin. */
const NEEDS_EARLIEST = ['topic_recreated', 'offset_out_of_range'];

/** Halts that an operator may pass: at a record, or at a limit, which then counts anew. */
const PASSABLE = [
  'gap',
  'fork',
  'position_jump',
  'epoch_superseded',
  'source_not_listed',
  'too_many_sources',
  GIVE_UP_LIMIT,
];

const input = {
  ...ofPartition,
  continue: toggle(
    'pass the record at which they are halted: a gap is kept for later, a record of an old primary is skipped; after give_up_limit, let as many again be given up',
  ),
  reject: optional(bigIndex('take this record for forged: its position does not count')),
  from: oneOf('place', ['earliest'], 'begin with what the log holds, after it lost their place'),
};
type Input = InputOf<typeof input>;

/** Resumes halted partitions of a consumer. The process that owns a partition notices by itself. */
export const resume = act({
  name: 'consumers.resume',
  title: 'Resume',
  summary: 'resume halted partitions; what was filled is handled first',
  did: 'resumed',
  tables,
  asks: (given) => given.continue || given.reject !== undefined,
  input,
  concerns,
  preview: async (reads, given) => {
    const { halted, runs } = await haltedOf(reads, given);
    const notes = await lastActsOn(reads, given.consumer);
    if (halted.length === 0) return { ...nothingHalted(given, runs), notes };
    const hasBroker = reads.hasBroker;
    return { ...previewOf(halted, given, hasBroker), notes: [...notes, ...haltTexts(halted)] };
  },
  run: async (reads, given, acting) => {
    const { by, reason } = acting;
    const { halted } = await haltedOf(reads, given);
    requireExpected(halted.length - lostOf(halted, given).length, 'can be resumed', acting);
    const { reject } = given;
    const done: (Resumed & ReturnType<typeof placeOf>)[] = [];
    // What does not fit the halt of one partition does not keep the others from their resume.
    const result = await withAdmin(reads, (admin) =>
      actOnEach(halted, acting, async (at) => {
        const { database } = at.database;
        const resumed = await resumePartition(
          database,
          admin,
          { consumer: at.consumer, ...placeOf(at) },
          {
            by,
            reason,
            pass: given.continue && isPassable(at),
            fromEarliest: given.from === 'earliest' && isMoved(at),
            ...(reject !== undefined && { reject }),
          },
        ).catch((error: unknown) => {
          throw error instanceof Error ? stays(at, error) : error;
        });
        done.push({ ...placeOf(at), ...resumed });
      }),
    );
    const left = result.refused.map(({ message }) => message);
    if (done.length === 0) throw refused('RESUME_REFUSED', left.join('; '));
    return {
      text: `${done.length} ${partitionsWord(done.length)} of ${given.consumer} resumed`,
      changed: done.length,
      refused: left,
      lines: done.map(
        (one) => `${nameOf(one)}: resumed at offset ${one.nextOffset} (was halted: ${one.code})`,
      ),
      value: done,
    };
  },
});

/** The refusal of one partition; any other error as it is. */
const stays = (at: Partition, error: Error): Error =>
  'code' in error && error.code === 'RESUME_REFUSED'
    ? refused('RESUME_REFUSED', `${nameOf(at)} stays halted: ${error.message}`)
    : error;

const nothingHalted = ({ consumer }: Input, runs: number): Preview => ({
  eligible: 0,
  unit: 'halted partitions',
  others: [
    {
      count: runs,
      why: `no such partition of ${consumer} is halted: \`converge consumers list\` shows what is`,
    },
  ],
  effect: 'Nothing is to be resumed.',
  refusal: 'NOTHING_HALTED',
  things: () => Promise.resolve({ rows: [], lines: [] }),
});

/** Reads the halted partitions that are chosen, and counts the others. Refuses a record to reject of several. */
async function haltedOf(
  reads: Parameters<typeof requirePartitions>[0],
  given: Input,
): Promise<{ readonly halted: readonly Partition[]; readonly runs: number }> {
  const rows = await requirePartitions(reads, given);
  const halted = rows.filter((row) => row.halted !== null);
  if (given.reject !== undefined && halted.length > 1)
    throw new UsageError(
      'REJECT_INCOMPLETE',
      `--reject needs one halted partition: ${halted.length} match; name it with --topic and --partition`,
    );
  return { halted, runs: rows.length - halted.length };
}

type Halted = Pick<Partition, 'halted'>;

/** States what a resume of halted partitions does. Pure. */
export function previewOf(
  halted: readonly (Halted & Pick<Partition, 'topic' | 'partition'>)[],
  { continue: passes, from, reject }: Pick<Input, 'continue' | 'from' | 'reject'>,
  hasBroker: boolean,
): Omit<Preview, 'notes'> {
  const moved = lostOf(halted, { from });
  const isPause = halted.every((row) => row.halted?.code === PAUSED);
  const passable = passes ? 0 : halted.filter(isPassable).length;
  const eligible = hasBroker ? halted.length - moved.length : 0;
  return {
    eligible,
    unit: `${isPause ? 'paused' : 'halted'} ${partitionsWord(eligible)}`,
    others: [
      {
        count: moved.length,
        why: 'the log lost their place: say where to begin (`converge consumers resume --from earliest`)',
      },
      {
        count: hasBroker ? 0 : halted.length,
        why: 'no broker is set: the ends of the logs are not known',
      },
    ],
    effect: [
      isPause ? 'Handlers are called again, from the record at which each partition was paused.' : HALTED,
      ...(passes ? [passText(halted)] : []),
      ...(reject === undefined ? [] : [`The record at offset ${reject} is taken for forged.`]),
    ].join(' '),
    refusal: 'RESUME_REFUSED',
    consents: [
      ...(passable === 0 ? [] : [{ field: 'continue', value: 'yes', label: PASS }]),
      ...(moved.length === 0
        ? []
        : [{ field: 'from', value: 'earliest', label: 'Begin with what the log holds' }]),
    ],
    things: () =>
      Promise.resolve({
        rows: halted.map((row) => ({ ...placeOf(row), ...row.halted })),
        lines: halted.map(nameOf),
      }),
  };
}

const HALTED =
  'Filled events are handled first. A partition whose obstacle is still there halts again at the same place, unless you pass it.';
const PASS =
  'Pass what is in the way: continue without what is missing; after a limit, let as many again be given up';

/** What passing accepts. Pure. */
function passText(rows: readonly Halted[]): string {
  const limited = rows.filter(({ halted }) => halted?.code === GIVE_UP_LIMIT).length;
  return [
    ...(limited > 0 ? ['As many events again may be given up, which others compensate.'] : []),
    ...(limited < rows.length
      ? ['What is missing there is recorded as a gap, and records of an old primary are skipped.']
      : []),
  ].join(' ');
}

const haltTexts = (halted: readonly Partition[]): readonly string[] =>
  haltLines(halted.map(({ halted: at, ...row }) => ({ ...row, reason: `${at?.code}: ${at?.reason}` })));

/** Those whose log lost their place, unless the operator says where to begin. Pure. */
const lostOf = <Row extends Halted>(halted: readonly Row[], { from }: Pick<Input, 'from'>): readonly Row[] =>
  from === 'earliest' ? [] : halted.filter(isMoved);

const isPassable = ({ halted }: Halted): boolean => halted !== null && PASSABLE.includes(halted.code);
const isMoved = ({ halted }: Halted): boolean => halted !== null && NEEDS_EARLIEST.includes(halted.code);
