import { postgresMigrations, readPolicyHistory } from '@convergekit/postgres/operate';
import { z } from 'zod';
import { name, optional } from '../registry/fields.ts';
import { view } from '../registry/view.ts';

const ofName = { ...optional(name('only changes of this name')), isArgument: true };

export const history = view({
  name: 'policy.history',
  title: 'Changes of policies',
  summary: 'who changed the central table, when, what and why; newest first',
  tables: { migrations: [postgresMigrations], table: 'converge.audit' },
  input: { name: ofName },
  most: { unit: 'changes', initial: 20 },
  row: z.object({
    version: z.number(),
    name: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    changedAt: z.date(),
    changedBy: z.string(),
    role: z.string(),
    reason: z.string(),
  }),
  find: (_reads, { executor }, { name: of }, { limit }) => readPolicyHistory(executor, { name: of, limit }),
  empty: 'no policy was changed here',
  columns: [
    { title: 'Name', cell: (row) => row.name },
    { title: 'Version', kind: 'number', cell: ({ version }) => version },
    { title: 'At', kind: 'time', cell: ({ changedAt }) => changedAt },
    {
      title: 'Before',
      kind: 'code',
      cell: ({ before }) => (before === null ? 'no rule' : JSON.stringify(before)),
    },
    { title: 'After', kind: 'code', cell: ({ after }) => JSON.stringify(after) },
    { title: 'By', cell: ({ changedBy, role }) => `${changedBy} (${role})` },
    { title: 'Reason', kind: 'wide', cell: ({ reason }) => reason },
  ],
});
