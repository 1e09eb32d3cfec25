import { resolveWorkflow, type StatedResult, stuckStepOf } from '@convergekit/saga/operate';
import { lastActs } from '../audit/last-acts.ts';
import { outcomes, requireOne } from '../call/stated.ts';
import { act } from '../registry/act.ts';
import type { InputOf } from '../registry/fields.ts';
import { concernedOf, named, nameOf, requireWorkflow, tables } from './one.ts';

const input = { ...named, ...outcomes };
type Stated = Pick<InputOf<typeof input>, keyof typeof outcomes>;

/** What is stuck by then is the step that the preview saw, or nothing is done. */
export const resolve = act({
  name: 'workflow.resolve',
  title: 'Resolve the step',
  summary: 'record the outcome of the step that is stuck; the worker continues with it',
  did: 'resolved',
  tables,
  input,
  check: ({ succeeded, failed, undone, effectStays }) =>
    requireOne(
      { succeeded, failed, undone, effectStays },
      '--succeeded <json>, --failed <code>, --undone, or --effect-stays',
    ),
  concerns: (reads, of) => concernedOf(reads, of),
  preview: async (reads, of) => {
    const { database } = await requireWorkflow(reads, of);
    const { step, path, reason } = await stuckStepOf(database.executor, of);
    return {
      eligible: 1,
      unit: `step, ${path} of ${nameOf(of)}, which is stuck: ${reason}`,
      others: [],
      effect: 'The outcome is recorded, and the worker continues from there.',
      refusal: 'WORKFLOW_NOT_RESOLVABLE',
      seen: `${step}`,
      notes: await lastActs(database.executor, [nameOf(of)]),
      things: () => Promise.resolve({ rows: [{ step, path, reason }], lines: [`${path}: ${reason}`] }),
    };
  },
  run: async (reads, given, { by, reason, seen }) => {
    const stated = statedOf(given);
    const { database } = await requireWorkflow(reads, given);
    const { workflow, id } = given;
    const { path } = await stuckStepOf(database.executor, given);
    const step = seen === undefined ? undefined : { step: Number(seen) };
    await resolveWorkflow(database.database, { workflow, id }, stated, { by, reason }, step);
    return {
      text: `${path} of ${nameOf(given)}: ${stated.kind}; the worker continues with it`,
      changed: 1,
      value: { resolved: { workflow, id, step: path }, outcome: stated.kind },
    };
  },
});

function statedOf({ succeeded, failed, effectStays }: Stated): StatedResult {
  if (succeeded !== undefined) return { kind: 'succeeded', result: succeeded };
  if (failed !== undefined) return { kind: 'failed', code: failed };
  return { kind: effectStays ? 'effect_stays' : 'undone' };
}
