import { z } from 'zod';
import { REASON_MAX, recordAct } from '@convergekit/postgres/operate';
import type { Context } from 'hono';
import type { ConsoleDatabase } from '../databases.ts';
import { ConsoleRefusal } from '../errors.ts';
import { html } from '../layout/html.ts';
import type { ConsoleTypes, PageContent, PayloadPrivacy } from '../types.ts';
import { requireOperator, requireRight } from '../security/guard.ts';
import { reasonField } from './action-definition.ts';
import { bodyOf, formOf, inputOf } from './input.ts';
import { jsonAnswer } from './json.ts';
import { apiPath, type RouteParts } from './view.ts';

/** A payload that an operator may see in full. */
export interface SeenPayload {
  readonly database: ConsoleDatabase;
  /** The consumer that parked it; undefined: it is of an outbox. */
  readonly consumer?: string;
  /** The event, for the audit; of a parked event that cannot be read its own id. */
  readonly eventId: string;
  /** What it is of, for the title: `event 0198…`. */
  readonly subject: string;
  readonly payload: string;
}

/** A look at a payload in full: it asks for a reason, and is recorded before anything is shown. */
export interface Look<Input extends z.ZodObject> {
  /** The path in Hono's form, such as `/events/:id/payload`. */
  readonly path: string;
  readonly summary: string;
  readonly input: Input;
  readonly read: (input: z.output<Input>) => Promise<SeenPayload>;
}

export type DefineLook = <Input extends z.ZodObject>(look: Look<Input>) => void;

const reasonFields = z.object({ reason: reasonField });
const answerSchema = z.object({ subject: z.string(), payload: z.string() });

/** Makes the function that defines looks at payloads. */
export function defineLooks(
  { app, render, document, rights }: RouteParts,
  payloads: PayloadPrivacy,
): DefineLook {
  return ({ path, summary, input, read }) => {
    const see = async (
      c: Context<ConsoleTypes>,
      given: Readonly<Record<string, unknown>>,
      token: unknown,
    ) => {
      const visitor = requireOperator(c, token);
      const { user } = visitor;
      requireFull(payloads);
      const { reason } = inputOf(c, reasonFields, given);
      const { database, consumer, eventId, subject, payload } = await read(inputOf(c, input, given));
      const concerned = { database: database.name, ...(consumer !== undefined && { consumer }) };
      requireRight(visitor, rights, 'operator', concerned);
      // Recorded first: a look that leaves no row shows nothing.
      await recordAct(database.executor, { act: 'payload look', subject: eventId, by: user, reason });
      return { subject, payload };
    };
    app.get(path, (c) => render(c, lookForm(c, payloads)));
    app.post(path, async (c) => {
      const form = await formOf(c);
      const { subject, payload } = await see(c, form, form['formToken']);
      return render(c, { title: `Payload of ${subject}`, body: html`<pre tabindex="0">${payload}</pre>` });
    });
    const api = apiPath(path);
    app.post(api, async (c) => {
      const seen = await see(c, await bodyOf(c), c.req.header('x-form-token'));
      return jsonAnswer(c, answerSchema.parse(seen));
    });
    const inputs = input.extend(reasonFields.shape);
    document({ method: 'post', path: api, summary, input: inputs, answer: answerSchema, acts: true });
  };
}

function requireFull(payloads: PayloadPrivacy): void {
  if (payloads === 'full') return;
  throw new ConsoleRefusal(
    403,
    'CONSOLE_PAYLOAD_REFUSED',
    'payloads are not shown in full here: CONVERGE__CONSOLE__PAYLOADS=full permits it to signed-in users',
  );
}

function lookForm(c: Context<ConsoleTypes>, payloads: PayloadPrivacy): PageContent {
  requireFull(payloads);
  const title = 'See a payload in full';
  const visitor = c.get('visitor');
  const { pathname, search } = c.get('address');
  if (visitor.kind !== 'operator')
    return {
      title,
      body: html`<p class="note">
        <a href="/sign-in?to=${encodeURIComponent(pathname + search)}">Sign in</a>: only a user may see it.
      </p>`,
    };
  const body = html`<p>Your name and the reason go into the audit before it is shown.</p>
    <form method="post" action="${pathname}${search}" class="stacked">
      <input type="hidden" name="formToken" value="${visitor.formToken}" />
      <label>Reason <input name="reason" required maxlength="${REASON_MAX}" autocomplete="off" /></label>
      <button type="submit">Show the payload</button>
    </form>`;
  return { title, body };
}
