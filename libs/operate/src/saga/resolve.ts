import type { SagaDeclaration } from '@convergekit/saga/declare';
import { resolveStep, type SeenStep, type StatedOutcome } from '@convergekit/saga/operate';
import { lastActs } from '../audit/last-acts.ts';
import { outcomes, requireOne } from '../call/stated.ts';
import { UsageError } from '../host/errors.ts';
import { act, type Preview } from '../registry/act.ts';
import { asked, type InputOf, json, name, optional, text, whole } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { concernedOf, isOpen, requireStep, waitsFor } from './steps.ts';
import { tables } from './targets.ts';

const { failed, effectStays } = outcomes;
const input = {
  instance: name('the id of the event that started it'),
  step: name('a step, in DATABASE_URL, of the service that runs it'),
  event: asked(text('type', 'the event that it would have emitted: its success, failure or undone event')),
  version: whole('number', 'version of the contract of that event (default: the declared one)'),
  data: asked(optional(json('data of that event'))),
  key: asked(text('key', 'key of that event, where it differs from that of the step')),
  failed,
  effectStays,
};
type Given = InputOf<typeof input>;

/** Records the outcome of a step, from the other side's records; the worker then continues normally. */
export const resolve = act({
  name: 'saga.resolve',
  title: 'Resolve the step',
  summary:
    'record the outcome of a step that waits, from the records of the other side; the worker continues with it',
  did: 'resolved',
  needs: 'administrator',
  tables: { migrations: tables.migrations, table: 'converge.saga_fence' },
  needsSagas: true,
  input,
  check: ({ event, data, failed: code, effectStays: stays }) => {
    const how =
      '--event <type> --data <json> of the fact that the step would have emitted, --failed <code> or, of an undo, --effect-stays';
    requireOne({ event, code, stays }, how);
    if (event !== undefined && data === undefined)
      throw new UsageError('OUTCOME_MISSING', `give the data of ${event}: ${how}`);
  },
  concerns: (reads, at) => concernedOf(reads, at),
  preview: async (reads, at) => {
    const { database, now } = await requireStep(reads, at);
    const why = waitsFor(now);
    const eligible = isOpen(now) ? 1 : 0;
    const isForm = at.event === undefined && at.failed === undefined && !at.effectStays;
    const form: Form = isForm ? formOf(now, await reads.sagas()) : {};
    return {
      eligible,
      unit: 'step of 1 saga',
      others: [{ count: 1 - eligible, why }],
      effect: `Now ${why}. The outcome, from the records of the other side, is checked against the declaration before anything is written; then the saga continues with it.`,
      refusal: 'STEP_NOT_WAITING',
      seen: now.mark,
      ...form,
      notes: [...(form.notes ?? []), ...(await lastActs(database.executor, [at.instance]))],
      things: () => Promise.resolve({ rows: [{ ...now.of, state: now.state }], lines: [why] }),
    };
  },
  run: async (reads, given, { by, reason, seen }) => {
    const word = wordOf(given);
    const sagas = word.kind === 'effect_stays' ? [] : await requireSagas(reads);
    const { instance, step } = given;
    const { database } = await requireStep(reads, given);
    await resolveStep(database.database, { instance, step }, word, { by, reason }, { sagas, seen });
    const outcome =
      word.kind === 'fact' ? word.type : word.kind === 'failed' ? word.code : 'an effect that stays';
    return {
      text: `${step}: ${outcome} is recorded, and the saga continues with it`,
      changed: 1,
      value: { resolved: { instance, step }, outcome },
    };
  },
});

async function requireSagas(reads: Pick<Reads, 'sagas'>): Promise<readonly SagaDeclaration[]> {
  const sagas = await reads.sagas();
  if (sagas.length > 0) return sagas;
  throw new UsageError(
    'SAGAS_MISSING',
    'an outcome is checked against the declaration of the saga: name the module that exports it, such as --sagas ./schemas/sagas.ts (the console: CONVERGE__MODULES)',
  );
}

function wordOf({ event, version, data, key, failed: code }: Given): StatedOutcome {
  if (code !== undefined) return { kind: 'failed', code };
  if (event === undefined) return { kind: 'effect_stays' };
  const more = { ...(version !== undefined && { version }), ...(key !== undefined && { key }) };
  return { kind: 'fact', type: event, payload: data ?? '', ...more };
}

const OF_A_FACT = { event: [], data: [], key: [], failed: [] };

type Form = Pick<Preview, 'choices' | 'notes'>;

/** The outcomes that the declaration allows, for the form. */
function formOf({ of, work }: SeenStep, sagas: readonly SagaDeclaration[]): Form {
  const undoes = work[0]?.op === 'compensate';
  const other = undoes ? { failed: [] } : { effectStays: [] };
  const saga = sagas.find((one) => one.name === of.saga && one.version === of.version);
  const step = saga?.stages.flatMap(({ steps }) => steps).find((one) => one.name === of.step);
  const event = (undoes ? [step?.undone] : [step?.success, step?.failure]).flatMap((one) => one?.type ?? []);
  if (event.length > 0) return { choices: { ...other, event } };
  const note = `The declaration of this step is not known here: name the module that exports its saga in CONVERGE__MODULES. ${undoes ? 'Only the effect can be accepted as it is.' : 'Until then only `converge saga resolve --sagas` can.'}`;
  return { choices: { ...other, ...OF_A_FACT }, notes: [note] };
}
