import { set } from '@convergekit/operate/policy';
import { defineAct } from '../../routes/act.ts';
import type { ConsoleContext } from '../../screen.ts';

/** Defines the change of a policy. */
export function policyActs(context: ConsoleContext): void {
  defineAct(context, set, {
    result: ({ database, name }) =>
      database === undefined
        ? '/policies'
        : `/policies/${encodeURIComponent(database)}/${encodeURIComponent(String(name))}`,
  });
}
