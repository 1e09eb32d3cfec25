import { EVERYTHING } from '@convergekit/operate/host';
import { z } from 'zod';
import type { Context } from 'hono';
import { conflict } from '../errors.ts';
import type { ConsoleTypes, User } from '../types.ts';
import { requireOperator, requireRight, whyNot } from '../security/guard.ts';
import { type Action, type DefineAction, formFields, previewSchema } from './action-definition.ts';
import { actionForm, progressPage } from './action-pages.ts';
import { bodyOf, formOf, inputOf } from './input.ts';
import { jsonAnswer } from './json.ts';
import { outcomeSchema, type RunningActions, runningSchema } from './running.ts';
import { apiPath, type DefineView, type RouteParts, type Visit } from './view.ts';

/** Returns why an operator may not act on what the input names; undefined = it is permitted, or who asks is no operator. */
async function deniedTo<Input extends z.ZodObject>(
  { needs = 'operator', concerns }: Action<Input>,
  given: z.output<Input>,
  { visitor }: Visit,
  rights: RouteParts['rights'],
): Promise<string | undefined> {
  return visitor.kind === 'operator' ? whyNot(visitor, rights, needs, await concerns(given)) : undefined;
}

/** Makes the function that defines actions. */
export function defineActions(
  { app, document, rights }: RouteParts,
  view: DefineView,
  running: RunningActions,
): DefineAction {
  return (action) => {
    const { path, summary, input, previewed = input } = action;
    view({
      path,
      summary: `Preview: ${summary}`,
      input: previewed as typeof input,
      answer: previewSchema,
      // A reason that concerns nothing is left out.
      read: async (given, visit) => {
        const { others = [], ...found } = await action.preview(given, visit);
        return { ...found, others: others.filter(({ count }) => count > 0) };
      },
      page: async (preview, visit, given) =>
        actionForm(action, given, preview, visit, await deniedTo(action, given, visit, rights)),
    });
    app.post(path, async (c) => {
      const form = await formOf(c);
      const user = requireOperator(c, form['formToken']);
      return c.redirect(`/actions/${await start(c, action, form, user)}`, 303);
    });
    const api = apiPath(path);
    app.post(api, async (c) => {
      const body = await bodyOf(c);
      const user = requireOperator(c, c.req.header('x-form-token'));
      const id = await start(c, action, body, user);
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

  async function start<Input extends z.ZodObject>(
    c: Context<ConsoleTypes>,
    { title, input, run, needs = 'operator', concerns }: Action<Input>,
    given: Readonly<Record<string, unknown>>,
    visitor: User,
  ): Promise<string> {
    const { reason, expected, seen } = inputOf(c, formFields, given);
    const values = inputOf(c, input, given);
    requireRight(visitor, rights, needs, await concerns(values));
    const { user } = visitor;
    return running.start({ title, user }, (report, signal) =>
      run(values, { user, reason, expected, seen, report, signal }),
    );
  }
}

/** The page of an action that was started, and its twin in the API. */
export function runningRoutes(
  { app, document, rights }: RouteParts,
  view: DefineView,
  running: RunningActions,
): void {
  // An operator of one area stops no act of another.
  const stop = (id: string, visitor: User): void => {
    if (running.get(id).user !== visitor.user) requireRight(visitor, rights, 'operator', EVERYTHING);
    running.stop(id);
  };
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
    stop(id, requireOperator(c, (await formOf(c))['formToken']));
    return c.redirect(`/actions/${id}`, 303);
  });
  app.post('/api/actions/:id/stop', (c) => {
    const { id } = inputOf(c, input);
    stop(id, requireOperator(c, c.req.header('x-form-token')));
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
