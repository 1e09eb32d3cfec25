import { z } from 'zod';
import { unreadOf, unreadSchema } from '../../databases.ts';
import { html } from '../../layout/html.ts';
import { unreadNote } from '../../layout/parts.ts';
import { mapOf } from '../../map/map-svg.ts';
import { gatherFacts, mapFrom, mapInput, mapSchema } from '../../map/read-map.ts';
import type { ConsoleContext, Screen } from '../../screen.ts';
import { gatherAttention } from '../attention/screen.ts';

/** The map of all services: what flows where, and what is wrong with it. */
export const map: Screen = {
  name: 'map',
  title: 'Map',
  path: '/map',
  summary: 'Outboxes, topics, consumers, sagas and reconcilers with what flows, waits and is wrong',
  routes: [mapView],
};

function mapView(context: ConsoleContext): void {
  context.view({
    path: '/map',
    summary: 'What flows from sources over topics to consumers, sagas and reconcilers, with its state',
    input: mapInput,
    answer: mapSchema.extend({ checkedAt: z.date(), unread: unreadSchema }),
    read: async (input, { now }) => {
      const [facts, attention] = await Promise.all([gatherFacts(context), gatherAttention(context)]);
      return {
        ...(await mapFrom(context, facts.rows, attention.rows, input)),
        checkedAt: new Date(now),
        unread: unreadOf(facts, attention),
      };
    },
    page: ({ unread, ...found }) => ({
      title: 'Map',
      body: html`${unreadNote(unread)} ${mapOf(found)}`,
    }),
  });
}
