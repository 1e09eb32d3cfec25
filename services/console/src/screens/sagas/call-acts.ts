import * as call from '@convergekit/operate/call';
import * as workflow from '@convergekit/operate/workflow';
import { defineAct } from '../../routes/act.ts';
import type { ConsoleContext } from '../../screen.ts';

/** Defines the acts on calls and workflows: home shows those that need an operator. */
export function callActs(context: ConsoleContext): void {
  for (const act of [call.retry, call.resolve, workflow.retry, workflow.resolve])
    defineAct(context, act, { result: () => '/' });
}
