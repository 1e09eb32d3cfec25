import { describeAct } from '@convergekit/operate';
import { readOperatorAudit } from '@convergekit/operate';
import { allMigrations } from '@convergekit/operate';
import { command } from '../../frame/command.ts';
import { count, instant, text } from '../../frame/flags.ts';
import { listing } from '../../frame/result.ts';

/** Lists the acts of operators. */
export const auditCommand = command({
  name: 'audit',
  summary: 'who did what and why in DATABASE_URL, the newest first',
  flags: {
    by: text('name', 'only acts of this operator'),
    act: text('words', 'only acts that begin so: parked, parked skip, reconcile'),
    about: text('text', 'an event id, a key, a topic, or a part of the subject'),
    from: instant('only acts since'),
    limit: count('acts', 'at most so many acts', 50),
  },
  run: async (context, { limit, ...filter }) => {
    const { executor } = await context.database(...allMigrations);
    const rows = await readOperatorAudit(executor, filter, limit);
    return listing(rows, 'no act of an operator matches', {
      at: ({ at }) => new Date(at),
      by: (row) => row.by,
      act: ({ act }) => act,
      subject: (row) => describeAct(row).subject,
      what: (row) => describeAct(row).what,
      reason: ({ reason }) => reason,
    });
  },
});
