import { z } from 'zod';
import { askBroker } from '../../broker.ts';
import type { ConsoleContext, Screen } from '../../screen.ts';
import { eventRoutes } from './event.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { logPage, logSchema, readKeyLog } from './log.ts';
import { hideErrors } from '../../payload.ts';
import { searchPage } from './page.ts';
import { readSearch } from './read-search.ts';
import { searchSchema } from './schemas.ts';

/** One box: everything that is known of an id, a key, a trace or a position. */
export const search: Screen = {
  name: 'search',
  title: 'Search',
  path: '/search',
  summary: 'everything that is known of an event, a key, a saga, a trace or a position',
  routes: [searchRoutes, eventRoutes],
};

function searchRoutes(context: ConsoleContext): void {
  const inTurn = oneAtATime();
  context.view({
    path: '/search',
    summary: 'Everything that is known of an event id, a key, a saga id, a trace id or a position',
    input: z.object({ q: z.string().max(500).default('') }),
    answer: searchSchema,
    read: ({ q }, { now, visitor }) =>
      inTurn(() => readSearch(context, q, now, (found) => hideErrors(found, context.payloads, visitor))),
    page: (answer, { now }) => searchPage(answer, now),
  });
  context.view({
    path: '/search/log',
    summary: 'The records of a key in the log, with those that repeat an event',
    input: z.object({ topic: z.string().min(1), key: z.string().min(1) }),
    answer: logSchema,
    read: ({ topic, key }) =>
      inTurn(() => askBroker(context.broker, (admin) => readKeyLog(admin, topic, key))),
    page: logPage,
  });
}
