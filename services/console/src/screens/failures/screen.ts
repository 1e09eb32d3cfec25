import type { Screen } from '../../screen.ts';
import { editAction, replaceAction, skipAction } from './change-event.ts';
import { eventPage } from './event.ts';
import { eventsPage } from './events.ts';
import { groupsPage } from './groups.ts';
import { keysPage } from './keys.ts';
import { replayAction } from './replay.ts';

export const failures: Screen = {
  name: 'failures',
  title: 'Failures',
  path: '/failures',
  summary:
    'Parked events and dead letters by handler and failure, down to one event; replay of all that match',
  routes(context) {
    groupsPage(context);
    keysPage(context);
    eventsPage(context);
    eventPage(context);
    replayAction(context);
    editAction(context);
    replaceAction(context);
    skipAction(context);
  },
};
