import type { Outcome } from '@convergekit/saga/operate';
import { act } from '../registry/act.ts';
import { id as idOf, type InputOf } from '../registry/fields.ts';
import { actOnCall, concernedOf, lastActsOn, requireCall, tables } from './calls.ts';
import { outcomes, requireOne } from './stated.ts';

const { succeeded, failed } = outcomes;
const input = { id: idOf('as `call list` shows it'), succeeded, failed };

const check = ({ succeeded: result, failed: code }: InputOf<typeof input>): void =>
  requireOne({ result, code }, '--succeeded <json>, or --failed <code>');

export const resolve = act({
  name: 'call.resolve',
  title: 'Resolve the call',
  summary: 'record the outcome of a call, from the records of the other side; the worker continues with it',
  did: 'resolved',
  tables,
  input,
  check,
  concerns: async (reads, { id }) => concernedOf([await requireCall(reads, id)]),
  preview: async (reads, { id }) => {
    const found = await requireCall(reads, id);
    const { call, state, endedAt } = found.work;
    const isOpen = endedAt === null;
    return {
      eligible: isOpen ? 1 : 0,
      unit: `call, ${call}, which is ${state}`,
      others: [{ count: isOpen ? 0 : 1, why: `it is ${state}, which nothing changes any more` }],
      effect: 'The outcome is recorded, and the worker continues with it like with any other.',
      refusal: 'WORK_NOT_RESOLVABLE',
      notes: await lastActsOn([found]),
      things: () => Promise.resolve({ rows: [{ id, call, state }], lines: [`${id}: ${state}`] }),
    };
  },
  run: async (reads, given, { by, reason }) => {
    const outcome = outcomeOf(given, reason);
    const found = await requireCall(reads, given.id);
    await actOnCall(found, { by, reason }, outcome);
    const { id, call } = found.work;
    return {
      text: `${id}: ${outcome.kind}; the worker continues with it`,
      changed: 1,
      value: { resolved: id, call, outcome: outcome.kind },
    };
  },
});

function outcomeOf({ succeeded: result, failed: code }: InputOf<typeof input>, message: string): Outcome {
  if (result !== undefined) return { kind: 'succeeded', result };
  const failure = { category: 'business', certainty: 'not_applied', message } as const;
  return { kind: 'failed', failure: { ...failure, code: code ?? '' } };
}
