import { REASON_MAX } from '@convergekit/postgres/operate';
import type { z } from 'zod';
import { html, type Html, nothing } from '../layout/html.ts';
import { state, withQuery } from '../layout/parts.ts';
import type { PageContent } from '../types.ts';
import type { Action, Preview } from './action-definition.ts';
import type { RunningAction } from './running.ts';
import type { Visit } from './view.ts';

/** The form of an action: what it would do, the reason, and the button. */
export function actionForm<Input extends z.ZodObject>(
  { title, fields }: Pick<Action<Input>, 'title' | 'fields'>,
  input: z.output<Input>,
  preview: Preview,
  { visitor, url }: Visit,
  denied: string | undefined,
): PageContent {
  const { eligible, unit, others = [], effect, seen, consents = [], notes = [], payload } = preview;
  const body = html`<section class="preview" aria-label="Preview">
      <p class="count"><strong>${eligible}</strong> ${unit}</p>
      <p>${effect}</p>
      ${
        others.length === 0
          ? nothing
          : html`<p>Not changed:</p>
              <ul>
                ${others.map(({ count, why }) => html`<li>${count}: ${why}</li>`)}
              </ul>`
      }
      ${consents.map(
        ({ field, value, label }) =>
          html`<p>
            <a href="${withQuery(url.pathname, { ...Object.fromEntries(url.searchParams), [field]: value })}"
              >${label}</a
            >
          </p>`,
      )}
      ${notes.map((note) => html`<p class="quiet">${note}</p>`)}
      ${
        payload === undefined
          ? nothing
          : html`<p class="quiet">${payload.label}:</p>
              <pre tabindex="0">${payload.text}</pre>`
      }
    </section>
    ${formOf({ title, eligible, seen, isLeft: others.length > 0, visitor, url, denied, own: fields?.(input, preview) ?? nothing })}`;
  return { title, body };
}

interface FormParts {
  readonly title: string;
  readonly eligible: number;
  readonly seen: string | undefined;
  /** True where something matches that is left alone. */
  readonly isLeft: boolean;
  readonly visitor: Visit['visitor'];
  readonly url: URL;
  /** Why this user may not act, and who may. */
  readonly denied: string | undefined;
  readonly own: Html;
}

function formOf({ title, eligible, seen, isLeft, visitor, url, denied, own }: FormParts): Html {
  if (eligible === 0)
    return html`<p>
      ${isLeft ? state('off', 'Nothing is changed as it stands') : state('ok', 'Nothing to do')}
    </p>`;
  if (visitor.kind === 'viewer') return html`<p class="note">${visitor.user} may read here and not act.</p>`;
  if (denied !== undefined) return html`<p class="note">${denied}</p>`;
  if (visitor.kind !== 'operator')
    return html`<p class="note">
      The console is read-only without a user.
      <a href="/sign-in?to=${encodeURIComponent(url.pathname + url.search)}">Sign in to act</a>
    </p>`;
  return html`<form method="post" action="${url.pathname}" class="stacked">
    ${[...url.searchParams].map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
    <input type="hidden" name="formToken" value="${visitor.formToken}" />
    <input type="hidden" name="expected" value="${eligible}" />
    ${seen === undefined ? nothing : html`<input type="hidden" name="seen" value="${seen}" />`} ${own}
    <label>Reason <input name="reason" required maxlength="${REASON_MAX}" autocomplete="off" /></label>
    <button type="submit">${title}</button>
  </form>`;
}

/** The page of an action that runs or has ended. It reloads itself while the action runs. */
export function progressPage(
  { id, title, user, progress }: RunningAction,
  visitor: Visit['visitor'],
): PageContent {
  switch (progress.kind) {
    case 'runs': {
      const { done, total, note } = progress;
      const body = html`<p data-reload="500">
          ${state('waits', 'Runs')} ${done}${total === undefined ? nothing : html` of ${total}`}
        </p>
        <progress
          ${total === undefined ? nothing : html`max="${total}" value="${done}"`}
          aria-label="${title}"
        ></progress>
        ${note === undefined ? nothing : html`<p class="quiet">${note}</p>`}
        ${visitor.kind === 'operator' ? stopForm(id, visitor.formToken) : nothing}`;
      return { title, body };
    }
    case 'failed':
      return {
        title,
        body: html`<p class="note needs">${state('needs', 'Not done')} ${progress.message}</p>`,
      };
    case 'ended':
      return {
        title,
        body: html`<p class="note ok">${state('ok', 'Done')} ${progress.outcome.text}</p>
          <p>
            <a href="${progress.outcome.href}">See the result</a> ·
            <a href="/audit?by=${encodeURIComponent(user)}">See the audit</a>
          </p>`,
      };
  }
}

function stopForm(id: string, formToken: string): Html {
  return html`<form method="post" action="/actions/${id}/stop">
    <input type="hidden" name="formToken" value="${formToken}" />
    <button type="submit">Stop</button>
  </form>`;
}
