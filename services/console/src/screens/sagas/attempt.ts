import { retryStep } from '@convergekit/saga/operate';
import { z } from 'zod';
import { html } from '../../layout/html.ts';
import { sagaPath } from '../../links.ts';
import type { ConsoleContext } from '../../screen.ts';
import { refusing } from '../refusing.ts';
import { isOpen, seenOf, stepFields, stepNow, waitsFor } from './step-input.ts';

/** Defines the action that has a step attempted now. */
export function attemptAction({ action, databases }: ConsoleContext): void {
  action({
    path: '/sagas/:instance/:database/:step/attempt',
    title: 'Attempt the step now',
    summary: 'Attempt a step of a saga now: its call, its undo, or the event that it could not handle',
    input: z.object(stepFields),
    preview: async (input) => {
      const now = await stepNow(databases, input);
      return {
        eligible: isOpen(now) ? 1 : 0,
        unit: 'step of one saga',
        ...(!isOpen(now) && { others: [{ count: 1, why: waitsFor(input.step, now) }] }),
        effect: `Now ${waitsFor(input.step, now)}. It is attempted at once. Where its outcome is not known, it may have taken effect already: a call is repeated under the same idempotency key.`,
      };
    },
    fields: async (input) =>
      html`<input type="hidden" name="seen" value="${JSON.stringify(await stepNow(databases, input))}" />`,
    run: async ({ instance, database, step, seen }, { user, reason }) => {
      await refusing(() =>
        retryStep(
          databases.get(database).database,
          { instance, step },
          { actor: user, note: reason },
          seenOf(seen),
        ),
      );
      return { text: `${step} is due now`, changed: 1, href: sagaPath(instance) };
    },
  });
}
