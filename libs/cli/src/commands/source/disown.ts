import { relayMigrations } from '@convergekit/relay';
import { disownRecord, readSuspect } from '@convergekit/relay/operate';
import { audit, operator } from '../../frame/audit.ts';
import { confirm } from '../../frame/confirm.ts';
import { withAdmin, withDatabase } from '../../frame/connections.ts';
import type { CommandContext } from '../../frame/context.ts';
import { requireMigrations } from '../../frame/migrations.ts';

export interface DisownFlags {
  readonly reason: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Says of one record that it is not this source's own. A relay that is refused for it leads at its next try. */
export async function disownCommand(
  { settings, output }: CommandContext,
  place: { readonly topic: string; readonly partition: number; readonly offset: bigint },
  { reason, ...flags }: DisownFlags,
): Promise<boolean> {
  return withDatabase(settings, 'converge-disown', async ({ executor }) => {
    await requireMigrations(executor, [relayMigrations]);
    return withAdmin(settings, async (admin) => {
      const { why, ...suspect } = await readSuspect(executor, admin, place);
      const where = `${place.topic}/${place.partition} at offset ${place.offset}`;
      const text = `${where}, event ${suspect.eventId} of type ${suspect.type}: ${why}`;
      if (flags.dryRun === true) {
        output.result({ ...place, why, dryRun: true }, () => [text]);
        return true;
      }
      output.progress(text);
      await confirm(
        'Is it certain that this database was never restored, failed over or copied? A record that it published and lost must not be disowned.',
        flags,
      );
      await disownRecord(executor, place, { reason, operator: operator() });
      audit('source disown', { ...place, offset: `${place.offset}`, why, reason });
      output.result({ ...place, why, reason, disowned: true }, () => [
        `${where} is not this source's own: the comparison with the log passes over it`,
      ]);
      return true;
    });
  });
}
