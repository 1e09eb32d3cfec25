import { z } from 'zod';
import type { Context } from 'hono';
import { conflict, invalidInput } from '../errors.ts';
import type { ConsoleTypes } from '../types.ts';
import { requireOperator } from '../security/guard.ts';
import {
  type Action,
  type DefineAction,
  formFields,
  type Preview,
  previewSchema,
} from './action-definition.ts';
import { actionForm, progressPage } from './action-pages.ts';
import { formOf, inputOf } from './input.ts';
import { jsonAnswer } from './json.ts';
import { outcomeSchema, type RunningActions, runningSchema } from './running.ts';
import { apiPath, type RouteParts, visitOf } from './view.ts';

/** Makes the function that defines actions. */
export function defineActions(
  { app, render, now, document }: RouteParts,
  running: RunningActions,
): DefineAction {
  return (action) => {
    const { path, summary, input } = action;
    app.get(path, async (c) => {
      const preview = await previewOf(c, action, now());
      return render(c, actionForm(action, inputOf(c, input), preview, visitOf(c, now())));
    });
    app.post(path, async (c) => {
      const form = await formOf(c);
      const { user } = requireOperator(c, form['formToken']);
      return c.redirect(`/actions/${start(c, action, form, user)}`, 303);
    });
    const api = apiPath(path);
    app.get(api, async (c) => jsonAnswer(c, await previewOf(c, action, now())));
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
      method: 'get',
      path: api,
      summary: `Preview: ${summary}`,
      input,
      answer: previewSchema,
      acts: false,
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

/** Previews an action; a reason that concerns nothing is left out. */
async function previewOf<Input extends z.ZodObject>(
  c: Context<ConsoleTypes>,
  { input, preview }: Action<Input>,
  now: number,
): Promise<Preview> {
  const found = previewSchema.parse(await preview(inputOf(c, input), visitOf(c, now)));
  return { ...found, others: found.others.filter(({ count }) => count > 0) };
}

async function bodyOf(c: Context<ConsoleTypes>): Promise<Readonly<Record<string, unknown>>> {
  const body: unknown = await c.req.json().catch(() => undefined);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return { ...body };
  throw invalidInput('the body is no JSON object: send {"reason": "…"} with the fields of the action');
}

/** The page of an action that was started, and its twin in the API. */
export function runningRoutes({ app, render, document }: RouteParts, running: RunningActions): void {
  const input = z.object({ id: z.string() });
  app.get('/actions/:id', (c) =>
    render(c, progressPage(running.get(inputOf(c, input).id), c.get('visitor'))),
  );
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
  app.get('/api/actions/:id', (c) => jsonAnswer(c, runningSchema.parse(running.get(inputOf(c, input).id))));
  document({
    method: 'get',
    path: '/api/actions/:id',
    summary: 'The progress of an action',
    input,
    answer: runningSchema,
    acts: false,
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
