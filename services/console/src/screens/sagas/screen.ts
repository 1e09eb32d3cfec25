import type { Screen } from '../../screen.ts';
import { attemptAction, resolveAction } from './step-actions.ts';
import { attemptAllAction } from './attempt-all.ts';
import { Declarations } from './declarations.ts';
import { graphPage } from './graph.ts';
import { listPage } from './list.ts';
import { pauseAction, resumeAction } from './pause-action.ts';
import { sagaPage } from './saga.ts';

export const sagas: Screen = {
  name: 'sagas',
  title: 'Sagas',
  path: '/sagas',
  summary:
    'Every saga by state, step, key, age and reason; one saga as swim lanes, with what an operator can do',
  routes(context) {
    const declarations = new Declarations(context.settings.modules);
    listPage(context);
    // These before the page of one saga, whose path has a name in the same place.
    graphPage(context, declarations);
    attemptAllAction(context);
    pauseAction(context);
    resumeAction(context);
    sagaPage(context);
    attemptAction(context);
    resolveAction(context, declarations);
  },
};
