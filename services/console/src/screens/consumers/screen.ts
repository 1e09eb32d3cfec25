import type { Screen } from '../../screen.ts';
import { flowView } from './flow-view.ts';
import { pauseAction } from './pause-action.ts';
import { resumeAction } from './resume-action.ts';

/** Consumers and relays: how far each is, and what stops it. */
export const consumers: Screen = {
  name: 'consumers',
  title: 'Consumers and relays',
  path: '/consumers',
  summary: 'Backlog, lag, watermarks, gaps, leaders; pause a consumer, resume what is halted',
  routes: (context) => {
    flowView(context);
    pauseAction(context);
    resumeAction(context);
  },
};
