import { z } from 'zod';
import type { Context } from 'hono';
import { conflict } from '../errors.ts';
import type { ConsoleTypes } from '../types.ts';
import { requireOperator } from '../security/guard.ts';
import { type Action, type DefineAction, formFields, previewSchema } from './action-definition.ts';
import { actionForm, progressPage } from './action-pages.ts';
import { bodyOf, formOf, inputOf } from './input.ts';
import { jsonAnswer } from './json.ts';
import { outcomeSchema, type RunningActions, runningSchema } from './running.ts';
import { apiPath, type DefineView, type RouteParts } from './view.ts';

/** Makes the function that defines actions. */
export function defineActions(
  { app, document }: RouteParts,
  view: DefineView,
  running: RunningActions,
): DefineAction {
  return (action) => {
    const { path, summary, input } = action;
    view({
      path,
      summary: `Preview: ${summary}`,
      input,
      answer: previewSchema,
      // A reason that concerns nothing is left out.
      read: async (given, visit) => {
        const { others = [], ...found } = await action.preview(given, visit);
        return { ...found, others: others.filter(({ count }) => count > 0) };
      },
      page: (preview, visit, given) => actionForm(action, given, preview, visit),
    });
    app.post(path, async (c) => {
      const form = await formOf(c);
      const { user } = requireOperator(c, form['formToken']);
      return c.redirect(`/actions/${start(c, action, form, user)}`, 303);
    });
    const api = apiPath(path);
    app.post(api, async (c) => {
      const body = await bodyOf(c);
      const { user } = requireOperator(c, c.req.header('x-form-token'));
      const id = start(c, action, body, user);
      await running.ended(id);
      const { progress } = running.get(id);
      if (progress.kind !== 'ended')
        throw conflict(progress.kind === 'failed' ? progress.message : 'it still runs');
      return jsonAnswer(c, progress.outcome);
    });
    document({
      method: 'post',
      path: api,
      summary,
      input: input.extend(formFields.shape),
      answer: outcomeSchema,
      acts: true,
    });
  };

  function start<Input extends z.ZodObject>(
    c: Context<ConsoleTypes>,
    { title, input, run }: Action<Input>,
    given: Readonly<Record<string, unknown>>,
    user: string,
  ): string {
    const { reason, expected } = inputOf(c, formFields, given);
    const values = inputOf(c, input, given);
    return running.start({ title, user }, (report, signal) =>
      run(values, { user, reason, expected, report, signal }),
    );
  }
}

/** The page of an action that was started, and its twin in the API. */
export function runningRoutes(
  { app, document }: RouteParts,
  view: DefineView,
  running: RunningActions,
): void {
  const input = z.object({ id: z.string() });
  view({
    path: '/actions/:id',
    summary: 'The progress of an action',
    input,
    answer: runningSchema,
    read: ({ id }) => Promise.resolve(running.get(id)),
    page: (action, { visitor }) => progressPage(action, visitor),
  });
  app.post('/actions/:id/stop', async (c) => {
    const { id } = inputOf(c, input);
    requireOperator(c, (await formOf(c))['formToken']);
    running.stop(id);
    return c.redirect(`/actions/${id}`, 303);
  });
  app.post('/api/actions/:id/stop', (c) => {
    const { id } = inputOf(c, input);
    requireOperator(c, c.req.header('x-form-token'));
    running.stop(id);
    return jsonAnswer(c, runningSchema.parse(running.get(id)));
  });
  document({
    method: 'post',
    path: '/api/actions/:id/stop',
    summary: 'Stops an action between two of its things',
    input,
    answer: runningSchema,
    acts: true,
  });
}
