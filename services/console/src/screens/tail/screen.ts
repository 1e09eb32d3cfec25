import type { Screen } from '../../screen.ts';
import { tailStream } from './stream.ts';
import { tailView } from './tail-view.ts';

/** Live tail: events as they commit. */
export const tail: Screen = {
  name: 'tail',
  title: 'Live tail',
  path: '/tail',
  summary: 'Events as they commit, filtered by topic, type, key or consumer; sampled above 200 in a second',
  routes: (context, app) => {
    tailStream(context, app);
    tailView(context);
  },
};
