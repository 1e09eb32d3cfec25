import { relayMigrations } from '@convergekit/relay';
import { disownRecord, readSuspect } from '@convergekit/relay/operate';
import { command } from '../../frame/command.ts';
import { argument, asks, bigWhole, dryRun, reason as why, wholeFrom } from '../../frame/flags.ts';
import { result } from '../../frame/result.ts';

/** Marks a record as not this source's own. A relay that is refused because of it leads at its next try. */
export const disownCommand = command({
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
    await disownRecord(executor, place, { reason, operator: context.operator });
    context.audit({ ...place, offset: `${offset}`, why: odd, reason });
    return result({ ...place, why: odd, reason, disowned: true }, () => [
      `${where} is not this source's own: the comparison with the log passes over it`,
    ]);
  },
});
