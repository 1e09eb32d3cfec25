import type { Screen } from '../../screen.ts';
import { scheduleActions } from './schedule-actions.ts';
import { schedulesView } from './schedules-view.ts';

/** Schedules: the next and the last run of each reconciler; pause, resume and run all that match. */
export const schedules: Screen = {
  name: 'schedules',
  title: 'Schedules',
  path: '/schedules',
  summary: 'Next, last and missed runs of reconcilers; pause, resume or run all that match a filter',
  routes: (context) => {
    schedulesView(context);
    scheduleActions(context);
  },
};
