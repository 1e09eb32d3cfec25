import {
  disownRecord,
  inspectSource,
  readPhantoms,
  readSuspect,
  rebaseSource,
} from '@convergekit/relay/operate';
import { relayMigrations } from '@convergekit/relay';
import { command } from '../../frame/command.ts';
import {
  argument,
  asks,
  bigWhole,
  dryRun,
  reason as why,
  text,
  toggle,
  wholeFrom,
} from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';
import { phantomLines, rebaseLines, sourceLines } from './source-text.ts';
import { UsageError } from '@convergekit/operate/errors';

/** Shows this source, and whether its log belongs to it. Fails when a relay would refuse to lead. */
const showCommand = command({
  name: 'show',
  summary:
    'show the source of DATABASE_URL and compare its log with it; exit code 1 when a relay would refuse',
  flags: { phantoms: toggle('list the records beyond the fork of each epoch') },
  run: async (context, { phantoms }) => {
    const { executor } = await context.database(relayMigrations);
    if (phantoms) {
      const found = await readPhantoms(executor);
      return result(found, () => (found.length === 0 ? ['no phantoms'] : phantomLines(found)));
    }
    const inspection = await inspectSource(executor, context.broker());
    const { comparison } = inspection;
    const fits = comparison.kind === 'compared' && comparison.result.refusals.length === 0;
    return result(inspection, () => sourceLines(inspection), fits);
  },
});

/** Begins a new epoch. The command shows the plan and asks, unless --yes is given. */
const rebaseCommand = command({
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
    const { operator: by } = context;
    const database = await context.database(relayMigrations);
    const broker = context.broker();
    if (dry || !yes) {
      const planned = await rebaseSource({ database, broker, by, reason, dryRun: true });
      if (dry) return result(planned, () => rebaseLines(planned));
      for (const line of rebaseLines(planned)) context.output.progress(line);
      const { epoch, source } = planned;
      await context.confirm(
        `Begin epoch ${epoch} of ${source.name} (${source.id})? It cannot be undone, and every other copy of this database must be stopped.`,
      );
    }
    const { signingKey } = context.settings.relay;
    const signed = signingKey === undefined ? {} : { signingKey };
    const report = await rebaseSource({ database, broker, by, reason, ...signed });
    context.audit({ source: report.source.name, epoch: report.epoch, reason });
    return result(report, () => rebaseLines(report));
  },
});

/** Marks a record as not this source's own. A relay that is refused because of it leads at its next try. */
const disownCommand = command({
  name: 'disown',
  summary: 'mark a record in the name of this source as forged by another writer: relays pass over it',
  args: {
    topic: argument('as the refusal of the relay names it'),
    partition: argument('its partition', wholeFrom(0)),
    offset: argument('its offset', bigWhole),
  },
  flags: { reason: why('the evidence: it is kept with the record'), ...dryRun, ...asks },
  run: async (context, { topic, partition, offset, reason, dryRun: dry }) => {
    const place = { topic, partition, offset };
    const { executor } = await context.database(relayMigrations);
    const { why: odd, ...suspect } = await readSuspect(executor, await context.admin(), place);
    const where = `${topic}/${partition} at offset ${offset}`;
    const text = `${where}, event ${suspect.eventId} of type ${suspect.type}: ${odd}`;
    if (dry) return result({ ...place, why: odd, dryRun: true }, () => [text]);
    context.output.progress(text);
    await context.confirm(
      'Is it certain that this database was never restored, failed over or copied? A record that it published and lost must not be disowned.',
    );
    await disownRecord(executor, place, { by: context.operator, reason });
    context.audit({ ...place, offset: `${offset}`, why: odd, reason });
    return result({ ...place, why: odd, reason, disowned: true }, () => [
      `${where} is not this source's own: the comparison with the log passes over it`,
    ]);
  },
});

export const sourceCommands = [showCommand, rebaseCommand, disownCommand];
