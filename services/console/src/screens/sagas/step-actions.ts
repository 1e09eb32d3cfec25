import {
  readSagaRecords,
  resolveStep,
  retryStep,
  type SeenStep,
  type StatedOutcome,
  waitingStep,
} from '@convergekit/saga/operate';
import type { Concerned } from '@convergekit/operate/host';
import { z } from 'zod';
import type { StepDeclaration } from '@convergekit/saga/declare';
import type { Databases } from '../../databases.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { sagaPath } from '../../links.ts';
import type { Preview } from '../../routes/action-definition.ts';
import type { ConsoleContext } from '../../screen.ts';
import { conflict, invalidInput, isRefusal } from '../../errors.ts';

/** The step that an action is about. */
const stepFields = {
  instance: z.string(),
  database: z.string(),
  step: z.string(),
  /** What the operator saw of the step, as JSON: a later change prevents the action. */
  seen: z.string().max(20_000).optional(),
};

type StepInput = Readonly<Record<'instance' | 'database' | 'step', string>>;

const seenSchema = z.object({
  state: z.string(),
  seq: z.number(),
  work: z.array(
    z.object({ id: z.string(), op: z.string(), state: z.string(), stuckReason: z.string().nullable() }),
  ),
});

/** Reads how a step stands now. Refuses a step that nothing is known of. */
async function stepNow(databases: Databases, { database, instance, step }: StepInput): Promise<SeenStep> {
  try {
    return await waitingStep(databases.get(database).database, { instance, step });
  } catch (error) {
    throw isRefusal(error) ? conflict(error.message) : error;
  }
}

/** Returns what an act on a step concerns: the saga that it is of, as its records say. */
async function concernedOf(
  databases: Databases,
  { database, instance, step }: StepInput,
): Promise<Concerned> {
  const { fences } = await readSagaRecords(databases.get(database).executor, { instance });
  return { database, saga: fences.find((one) => one.step === step)?.saga ?? '*' };
}

/** Previews an act on one step. */
async function previewOf(databases: Databases, input: StepInput, effect: string): Promise<Preview> {
  const now = await stepNow(databases, input);
  const waits = waitsFor(input.step, now);
  return {
    eligible: isOpen(now) ? 1 : 0,
    unit: 'step of one saga',
    others: [{ count: isOpen(now) ? 0 : 1, why: waits }],
    effect: `Now ${waits}. ${effect}`,
  };
}

/** Parses what the operator saw; undefined from the API, where the present state is acted on. */
function seenOf(text: string | undefined): { readonly seen?: SeenStep } {
  if (text === undefined) return {};
  // The words are compared with those of the row only, so that others fit nothing.
  return { seen: seenSchema.parse(JSON.parse(text)) as SeenStep };
}

/** Waits in the words of the form. */
function waitsFor(step: string, { state, work: [first] }: SeenStep): string {
  if (first === undefined) return `${step} is ${state.replaceAll('_', ' ')}`;
  const why = first.stuckReason === null ? '' : ` (${first.stuckReason.replaceAll('_', ' ')})`;
  return `the ${first.op === 'compensate' ? 'undo' : first.op === 'apply' ? 'call' : 'outcome'} of ${step} is ${first.state}${why}`;
}

/** True when an operator can act on the step. */
function isOpen({ state, work }: SeenStep): boolean {
  return state === 'stuck' || work.length > 0;
}

/** Defines the action that has a step attempted now. */
export function attemptAction({ action, databases }: ConsoleContext): void {
  action({
    path: '/sagas/:instance/:database/:step/attempt',
    title: 'Attempt the step now',
    summary: 'Attempt a step of a saga now: its call, its undo, or the event that it could not handle',
    input: z.object(stepFields),
    concerns: (input) => concernedOf(databases, input),
    preview: (input) =>
      previewOf(
        databases,
        input,
        'It is attempted at once. Where its outcome is not known, it may have taken effect already: a call is repeated under the same idempotency key.',
      ),
    fields: async (input) =>
      html`<input type="hidden" name="seen" value="${JSON.stringify(await stepNow(databases, input))}" />`,
    run: async ({ instance, database, step, seen }, { user, reason }) => {
      const by = { by: user, reason };
      await retryStep(databases.get(database).database, { instance, step }, by, seenOf(seen));
      return { text: `${step} is due now`, changed: 1, href: sagaPath(instance) };
    },
  });
}

const input = z.object({
  ...stepFields,
  /** The type of the event that the step would have emitted, `failed`, or `effect_stays`. */
  outcome: z.string().optional(),
  data: z.string().optional(),
  /** The key of the event, where it is not that of the step. */
  key: z.string().optional(),
  code: z.string().optional(),
});

/**
 * Defines the action that states the outcome of a waiting step. It writes no state: the outcome is checked against the
 * declaration, and the worker records it like any other.
 */
export function resolveAction({ action, databases, declared: modules }: ConsoleContext): void {
  action({
    path: '/sagas/:instance/:database/:step/resolve',
    title: 'Resolve the step',
    summary: 'State the outcome of a step that waits, with the evidence; the worker continues with it',
    input,
    needs: 'administrator',
    concerns: (step) => concernedOf(databases, step),
    preview: (step) =>
      previewOf(
        databases,
        step,
        'State what became of it, from the records of the other side. The outcome is checked against the declaration before anything is written; then the saga continues with it.',
      ),
    fields: async (step) => formOf(await declared(step), await stepNow(databases, step)),
    run: async ({ instance, database, step, seen, ...stated }, { user, reason }) => {
      const sagas = await modules.sagas();
      const by = { by: user, reason };
      const how = { sagas, ...seenOf(seen) };
      await resolveStep(databases.get(database).database, { instance, step }, outcomeOf(stated), by, how);
      return {
        text: `${step}: ${stated.outcome ?? ''} is recorded, and the saga continues with it`,
        changed: 1,
        href: sagaPath(instance),
      };
    },
  });

  async function declared({ database, instance, step }: StepInput): Promise<StepDeclaration | undefined> {
    const { fences } = await readSagaRecords(databases.get(database).executor, { instance });
    const fence = fences.find((one) => one.step === step);
    const sagas = await modules.sagas();
    const saga = sagas.find((one) => one.name === fence?.saga && one.version === fence.version);
    return saga?.stages.flatMap(({ steps }) => steps).find(({ name }) => name === step);
  }
}

/** The fields of the form: the outcomes that the declaration allows, and the data of the event. */
function formOf(step: StepDeclaration | undefined, now: SeenStep): Html {
  const seen = html`<input type="hidden" name="seen" value="${JSON.stringify(now)}" />`;
  const undoes = now.work[0]?.op === 'compensate';
  const events = undoes ? [step?.undone] : [step?.success, step?.failure];
  const types = events.flatMap((event) => event?.type ?? []);
  if (types.length === 0)
    return html`${seen}
      <p class="note">
        The declaration of this step is not known here: name the module that exports its saga in
        CONVERGE__MODULES.
        ${undoes ? 'Only the effect can be accepted as it is.' : 'Until then only `converge saga resolve --sagas` can.'}
      </p>
      ${
        undoes
          ? html`<label
              >Outcome
              <select name="outcome">
                ${staysOption()}
              </select></label
            >`
          : nothing
      }`;
  return html`${seen}
    <label
      >Outcome
      <select name="outcome" required>
        <option value="">choose</option>
        ${types.map((type) => html`<option value="${type}">${type}</option>`)}
        ${undoes ? staysOption() : html`<option value="failed">it certainly had no effect</option>`}
      </select></label
    >
    <label>Data of the event, as JSON <textarea name="data" rows="4" spellcheck="false"></textarea></label>
    <label>Key of the event, where it is not that of the step <input name="key" autocomplete="off" /></label>
    ${undoes ? nothing : html`<label>Code, if it had no effect (such as NOT_FOUND) <input name="code" autocomplete="off" /></label>`}`;
}

function staysOption(): Html {
  return html`<option value="effect_stays">the effect stays: its undo is not possible</option>`;
}

type Stated = Pick<z.output<typeof input>, 'outcome' | 'data' | 'key' | 'code'>;

/** Reads the stated outcome (pure). */
function outcomeOf({ outcome, data, key, code }: Stated): StatedOutcome {
  switch (outcome) {
    case undefined:
      throw invalidInput('choose an outcome');
    case 'effect_stays':
      return { kind: 'effect_stays' };
    case 'failed':
      return { kind: 'failed', code: code ?? '' };
    default:
      if (data === undefined) throw invalidInput(`give the data of ${outcome}, as JSON`);
      return { kind: 'fact', type: outcome, payload: data, ...(key !== undefined && { key }) };
  }
}
