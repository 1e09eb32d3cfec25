import { rebaseSource } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import { UsageError } from '../../frame/errors.ts';
import { asks, dryRun, text } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { rebaseLines } from './source-text.ts';

/** Begins a new epoch. The command shows the plan and asks, unless --yes is given. */
export const rebaseCommand = command({
  name: 'rebase',
  summary: 'begin a new epoch after a restore or a failover that lost commits; no relay may lead',
  flags: {
    reason: text('text', 'why: it is kept with the epoch, and needed without --dry-run'),
    ...dryRun,
    ...asks,
  },
  run: async (context, { reason: given, dryRun: dry, yes }) => {
    if (given === undefined && !dry)
      throw new UsageError(
        'REASON_MISSING',
        'nothing was changed: give --reason "…", which is kept with the epoch and in the audit; --dry-run shows the plan without one',
      );
    const reason = given ?? 'a look';
    const { operator } = context;
    const database = await context.database();
    const broker = context.broker();
    if (dry || !yes) {
      const planned = await rebaseSource({ database, broker, operator, reason, dryRun: true });
      if (dry) return result(planned, () => rebaseLines(planned));
      for (const line of rebaseLines(planned)) context.output.progress(line);
      const { epoch, source } = planned;
      await context.confirm(
        `Begin epoch ${epoch} of ${source.name} (${source.id})? It cannot be undone, and every other copy of this database must be stopped.`,
      );
    }
    const { signingKey } = context.settings.relay;
    const signed = signingKey === undefined ? {} : { signingKey };
    const report = await rebaseSource({ database, broker, operator, reason, ...signed });
    context.audit({ source: report.source.name, epoch: report.epoch, reason });
    return result(report, () => rebaseLines(report));
  },
});
