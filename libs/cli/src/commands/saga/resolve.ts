import { sagaMigrations } from '@convergekit/saga';
import { resolveStep, retryStep, type StatedOutcome, waitingStep } from '@convergekit/saga/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, count, json, reason as why, text, texts, type Values } from '../../frame/flags.ts';
import { actOn, outcomes } from '../journal/act.ts';
import { instanceArgument } from './show.ts';
import { UsageError } from '@convergekit/operate/errors';
import { importSagas } from '@convergekit/operate/declared';

/** The arguments that name one step. */
const stepArguments = {
  instance: instanceArgument,
  step: argument('a step, in DATABASE_URL, of the service that runs it'),
};

/** Retries a step's call, its undo, or an event that the step could not handle. */
export const retryCommand = command({
  name: 'retry',
  summary: 'retry a step now: its call, its undo, or the event that it could not handle',
  args: stepArguments,
  flags: { reason: why('why: it is kept in the journal'), ...asks },
  run: async (context, { instance, step, reason }) => {
    const database = await context.database(sagaMigrations);
    const at = { instance, step };
    const seen = await waitingStep(database, at);
    const stuck = seen.state === 'stuck' || seen.work.some(({ state }) => state === 'stuck');
    const question = stuck ? `Retry ${step}, which may have taken effect already?` : undefined;
    return actOn(context, database, { did: 'retry', reason, question }, [
      {
        named: at,
        text: `${step} of ${instance}`,
        subject: instance,
        act: (by) => retryStep(database, at, by, { seen }),
      },
    ]);
  },
});

const wordFlags = {
  event: text('type', 'the fact: its success, failure or undone event', {
    conflicts: ['failed', 'effectStays'],
  }),
  version: count('number', 'version of the contract of that event (default: the declared one)'),
  data: json('data of that event'),
  key: text('key', 'key of that event, where it differs from that of the step'),
  failed: outcomes.failed,
  effectStays: outcomes.effectStays,
};

/** Records the outcome of a step, from the other side's records; the worker then continues normally. */
export const resolveCommand = command({
  name: 'resolve',
  summary:
    'record the outcome of a step that waits, from the records of the other side; the worker continues with it',
  args: stepArguments,
  flags: {
    ...wordFlags,
    sagas: texts(
      'module',
      'modules that export the declaration of the saga: type, data and key are checked against it before anything is written',
    ),
    reason: why('the evidence: it is kept in the journal'),
    ...asks,
  },
  run: async (context, { instance, step, sagas: modules, reason, ...flags }) => {
    const word = wordOf(flags);
    const sagas = await importSagas(modules);
    if (word.kind !== 'effect_stays' && sagas.length === 0)
      throw new UsageError(
        'SAGAS_MISSING',
        'an outcome is checked against the declaration of the saga: name the module that exports it, such as --sagas ./schemas/sagas.ts',
      );
    const database = await context.database(sagaMigrations);
    const at = { instance, step };
    const seen = await waitingStep(database, at);
    const [first] = seen.work;
    const outcome =
      word.kind === 'fact' ? word.type : word.kind === 'failed' ? word.code : 'an effect that stays';
    const waits =
      first === undefined
        ? `${step}, which is ${seen.state}`
        : `${first.op} of ${step}, which is ${first.state}`;
    const question = `Record ${outcome} as the outcome of ${waits}?`;
    return actOn(context, database, { did: 'resolve', outcome, reason, question }, [
      {
        named: at,
        text: `${step} of ${instance}`,
        subject: instance,
        act: (by) => resolveStep(database, at, word, by, { sagas, seen }),
      },
    ]);
  },
});

type Word = Values<typeof wordFlags>;

function wordOf({ event, version, data, key, failed, effectStays }: Word): StatedOutcome {
  if (effectStays) return { kind: 'effect_stays' };
  if (failed !== undefined) return { kind: 'failed', code: failed };
  if (event === undefined || data === undefined)
    throw new UsageError(
      'OUTCOME_MISSING',
      'give the outcome: --event <type> --data <json> of the fact that the step would have emitted, --failed <code> or, of an undo, --effect-stays',
    );
  const more = { ...(version !== undefined && { version }), ...(key !== undefined && { key }) };
  return { kind: 'fact', type: event, payload: data, ...more };
}
