import * as call from '@convergekit/operate/call';
import { pause, resolve, resume, retry } from '@convergekit/operate/saga';
import * as workflow from '@convergekit/operate/workflow';
import { actionLink, withQuery } from '../../layout/parts.ts';
import { html, type Html, nothing } from '../../layout/html.ts';
import { sagaPath } from '../../links.ts';
import { actPath, defineAct } from '../../routes/act.ts';
import type { ConsoleContext } from '../../screen.ts';
import type { SagaSearch } from './search.ts';

/** Defines the acts on sagas, calls and workflows: home shows the calls and workflows that need an operator. */
export function sagaActs(context: ConsoleContext): void {
  for (const act of [pause, resume, retry, resolve])
    defineAct(context, act, {
      result: ({ instance, saga }) =>
        typeof instance === 'string' ? sagaPath(instance) : withQuery('/sagas', { saga: saga as string }),
    });
  for (const act of [call.retry, call.resolve, workflow.retry, workflow.resolve])
    defineAct(context, act, { result: () => '/' });
}

/** The address of an act on a saga or a step. */
export const sagaActPath = (
  act: 'pause' | 'resume' | 'retry' | 'resolve',
  given: Parameters<typeof withQuery>[1],
): string => withQuery(actPath(`saga.${act}`), given);

/** The link under the list; nothing without a filter or rows. */
export function retryAllLink({ reason: why, id: instance, ...rest }: SagaSearch, rows: number): Html {
  const path = sagaActPath('retry', { ...rest, why, instance, after: undefined });
  if (rows === 0 || path === sagaActPath('retry', {})) return nothing;
  return html`<p>${actionLink(path, 'Retry all that match now')}</p>`;
}
