import { disownRecord, readSuspect } from '@convergekit/relay/operate';
import { act } from '../registry/act.ts';
import { bigIndex, index, type InputOf, name } from '../registry/fields.ts';
import type { Reads } from '../registry/reads.ts';
import { concernedOf, oneSource, tables } from './one-source.ts';
import { withAdmin } from '../registry/reads.ts';

const input = {
  topic: name('as the refusal of the relay names it'),
  partition: index('its partition'),
  offset: bigIndex('its offset'),
};
type Place = InputOf<typeof input>;

/** Marks a record as not this source's own. A relay that is refused because of it leads at its next try. */
export const disown = act({
  name: 'source.disown',
  title: 'Disown record',
  summary: 'mark a record in the name of this source as forged by another writer: relays pass over it',
  did: 'disowned',
  needs: 'administrator',
  tables,
  input,
  concerns: concernedOf,
  preview: async (reads, place) => {
    const { text, odd } = await suspectOf(reads, place);
    return {
      eligible: 1,
      unit: 'record',
      others: [],
      effect:
        'Is it certain that this database was never restored, failed over or copied? A record that it published and lost must not be disowned.',
      refusal: 'TOPIC_REFUSED',
      notes: [text],
      things: () => Promise.resolve({ rows: { ...place, why: odd, dryRun: true }, lines: [] }),
    };
  },
  run: async (reads, place, { by, reason }) => {
    const { odd, where } = await suspectOf(reads, place);
    await disownRecord((await oneSource(reads)).executor, place, { by, reason });
    return {
      text: `${where} is not this source's own: the comparison with the log passes over it`,
      changed: 1,
      value: { ...place, why: odd, reason, disowned: true },
    };
  },
});

async function suspectOf(
  reads: Reads,
  place: Place,
): Promise<{ readonly where: string; readonly odd: string; readonly text: string }> {
  const { executor } = await oneSource(reads);
  const found = await withAdmin(reads, (admin) => readSuspect(executor, admin, place));
  const where = `${place.topic}/${place.partition} at offset ${place.offset}`;
  const text = `${where}, event ${found.eventId} of type ${found.type}: ${found.why}`;
  return { where, odd: found.why, text };
}
