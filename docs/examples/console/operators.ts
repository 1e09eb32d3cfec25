import { consoleHandler } from '@convergekit/console';
import { userOf } from './login.ts';

export const operators = (shop: string) =>
  consoleHandler({
    basePath: '/ops/console',
    databases: { shop },
    // Your login: a name, and a role (a viewer without one), or groups that the settings give rights to.
    person: (request) => userOf(request.headers.get('cookie')),
  });
