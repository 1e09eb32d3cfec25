import { retryWorkflow } from '@convergekit/saga/operate';
import { lastActs } from '../audit/last-acts.ts';
import { act } from '../registry/act.ts';
import { concernedOf, named, nameOf, requireWorkflow, tables } from './one.ts';

/** It needs no confirmation: a call of unknown outcome is queried, and not repeated. */
export const retry = act({
  name: 'workflow.retry',
  title: 'Retry the workflow',
  summary: 'retry now what waits or is stuck',
  did: 'retried',
  tables,
  input: named,
  asks: () => false,
  concerns: (reads, of) => concernedOf(reads, of),
  preview: async (reads, of) => {
    const { database, record } = await requireWorkflow(reads, of);
    const { state } = record;
    const isOpen = ['running', 'compensating', 'stuck'].includes(state);
    return {
      eligible: isOpen ? 1 : 0,
      unit: `workflow, ${nameOf(of)}, which is ${state}`,
      others: [{ count: isOpen ? 0 : 1, why: `it is ${state}, which nothing changes any more` }],
      effect:
        'It is due now, whatever it waited for. A call of unknown outcome is queried, and not repeated.',
      refusal: 'WORKFLOW_NOT_RESOLVABLE',
      notes: await lastActs(database.executor, [nameOf(of)]),
      things: () => Promise.resolve({ rows: [{ ...of, state }], lines: [`${nameOf(of)}: ${state}`] }),
    };
  },
  run: async (reads, of, { by, reason }) => {
    const { database } = await requireWorkflow(reads, of);
    const { workflow, id } = of;
    await retryWorkflow(database.database, { workflow, id }, { by, reason });
    return { text: `${nameOf(of)}: due now`, changed: 1, value: { retried: { workflow, id } } };
  },
});
