import { approve, pause, resume, retry, runNow } from '@convergekit/operate/reconcile';
import { withQuery } from '../../layout/parts.ts';
import { defineAct } from '../../routes/act.ts';
import type { ConsoleContext } from '../../screen.ts';
import { reconcilerPath } from './parts.ts';

/** Defines the acts on reconcilers. */
export function reconcilerActs(context: ConsoleContext): void {
  for (const act of [approve, retry])
    defineAct(context, act, {
      result: ({ database, name }) =>
        database === undefined ? '/drift' : reconcilerPath({ database, name: String(name) }),
    });
  for (const act of [pause, resume, runNow])
    defineAct(context, act, {
      result: ({ database, names, matching }) =>
        withQuery('/schedules', {
          database,
          name: (names as readonly string[])[0] ?? (matching as string | undefined),
        }),
    });
}
