import { z } from 'zod';
import { type Concerned, isPermitted } from '@convergekit/operate/host';
import { type OperatorAct, REASON_MAX, recordAct } from '@convergekit/postgres/operate';
import type { Context } from 'hono';
import type { ConsoleDatabase } from '../databases.ts';
import { ConsoleRefusal } from '../errors.ts';
import { html, type Html } from '../layout/html.ts';
import type { ConsoleTypes, PageContent, PayloadPrivacy, User, Visitor } from '../types.ts';
import { requireOperator, requireRight } from '../security/guard.ts';
import { reasonField } from './action-definition.ts';
import { bodyOf, formOf, inputOf } from './input.ts';
import { jsonAnswer } from './json.ts';
import { apiPath, type RouteParts, type Visit } from './view.ts';

/** Values that an operator may see in full: of a payload, or of the states of a reconciler. */
export interface Seen {
  readonly database: ConsoleDatabase;
  /** What they are of, beside the database: an operator looks in the own areas alone. */
  readonly of: Concerned;
  /** The look, for the audit. */
  readonly record: Pick<OperatorAct, 'act' | 'subject' | 'before'>;
  /** What they are of, for the title: `event 0198…`. */
  readonly subject: string;
  readonly payload: string;
  /** The page of the values. @default the payload as it is */
  readonly body?: Html;
}

/** A look at values in full: it asks for a reason, and is recorded before anything is shown. */
export interface Look<Input extends z.ZodObject> {
  /** The path in Hono's form, such as `/events/:id/payload`. */
  readonly path: string;
  readonly summary: string;
  readonly input: Input;
  readonly read: (input: z.output<Input>, visit: Pick<Visit, 'now'>) => Promise<Seen>;
}

export type DefineLook = <Input extends z.ZodObject>(look: Look<Input>) => void;

const reasonFields = z.object({ reason: reasonField });
const answerSchema = z.object({ subject: z.string(), payload: z.string() });

/** Makes the function that defines looks at values. */
export function defineLooks(
  { app, render, document, rights, now }: RouteParts,
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
      const { database, of, record, ...shown } = await read(inputOf(c, input, given), { now: now() });
      requireRight(visitor, rights, 'operator', { database: database.name, ...of });
      // Recorded first: a look that leaves no row shows nothing.
      await recordAct(database.executor, { ...record, by: user, reason });
      return shown;
    };
    app.get(path, (c) => render(c, lookForm(c, payloads)));
    app.post(path, async (c) => {
      const form = await formOf(c);
      const { subject, payload, body } = await see(c, form, form['formToken']);
      return render(c, {
        title: `Values of ${subject}`,
        body: body ?? html`<pre tabindex="0">${payload}</pre>`,
      });
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
  const title = 'See values in full';
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
    ${lookFields(visitor, pathname + search, 'Show the payload')}`;
  return { title, body };
}

/** The form of a look at an address. */
function lookFields({ formToken }: User, address: string, button: string): Html {
  return html`<form method="post" action="${address}" class="stacked">
    <input type="hidden" name="formToken" value="${formToken}" />
    <label>Reason <input name="reason" required maxlength="${REASON_MAX}" autocomplete="off" /></label>
    <button type="submit">${button}</button>
  </form>`;
}

/** The note above masked values, with the form to see them where the visitor may. */
export function maskedPart(visitor: Visitor, payloads: PayloadPrivacy, of: Concerned, address: string): Html {
  if (payloads !== 'full')
    return html`<p class="note">
      Values are masked here. <code>CONVERGE__CONSOLE__PAYLOADS=full</code> lets operators see them, with a
      reason.
    </p>`;
  if (visitor.kind === 'operator' && isPermitted(visitor.grants, 'operator', of))
    return html`<p class="note">Values are masked. A look at them is recorded with your name and reason.</p>
      ${lookFields(visitor, address, 'Show the values')}`;
  return html`<p class="note">Values are masked. An operator of this area may see them, with a reason.</p>`;
}
