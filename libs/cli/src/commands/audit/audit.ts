import { hasTables } from '@convergekit/postgres/engine';
import { migrationsMissing } from '@convergekit/postgres/operate';
import { describeAct, type NamedDatabase, readOperatorAudit } from '@convergekit/operate';
import { allDatabases } from '../../frame/all-databases.ts';
import { command } from '../../frame/command.ts';
import { count, instant, text } from '../../frame/flags.ts';
import { databases } from '../../frame/named-databases.ts';
import { listing } from '../../frame/result.ts';

/** Lists the acts of operators. */
export const auditCommand = command({
  name: 'audit',
  summary: 'who did what and why, the newest first, in DATABASE_URL and all CONVERGE__DATABASES__<NAME>',
  flags: {
    by: text('name', 'only acts of this operator'),
    act: text('words', 'only acts that begin so: parked, parked skip, reconcile'),
    about: text('text', 'an event id, a key, a topic, or a part of the subject'),
    from: instant('only acts since'),
    limit: count('acts', 'at most so many acts', 50),
    ...databases,
  },
  run: async (context, { limit, database: urls, ...filter }) => {
    const opened = await allDatabases(context, { urls });
    const kept: NamedDatabase[] = [];
    for (const one of opened) if (await hasTables(one.executor, 'converge.audit')) kept.push(one);
    if (kept.length === 0) throw migrationsMissing([]);
    const found = await Promise.all(
      kept.map(async ({ name, executor }) => {
        const rows = await readOperatorAudit(executor, filter, limit);
        return rows.map((row) => (kept.length === 1 ? row : { database: name, ...row }));
      }),
    );
    const rows = found.flat().toSorted((a, b) => (a.at < b.at ? 1 : -1));
    return listing(rows.slice(0, limit), 'no act of an operator matches', {
      ...(kept.length > 1 && { database: (row) => ('database' in row ? row.database : '') }),
      at: ({ at }) => new Date(at),
      by: (row) => row.by,
      act: ({ act }) => act,
      subject: (row) => describeAct(row).subject,
      what: (row) => describeAct(row).what,
      reason: ({ reason }) => reason,
    });
  },
});
