import { heldText, pauseSaga, readPauseTarget, resumeSaga, type SagaPause } from '@convergekit/saga/operate';
import { z } from 'zod';
import type { Databases } from '../../databases.ts';
import { conflict, notFound } from '../../errors.ts';
import { html } from '../../layout/html.ts';
import { plural, withQuery } from '../../layout/parts.ts';
import { sagaPath } from '../../links.ts';
import { where } from '../../present-sql.ts';
import type { ConsoleContext } from '../../screen.ts';

const target = { saga: z.string().min(1), instance: z.string().min(1).optional() };
type Target = { readonly saga: string; readonly instance?: string | undefined };

const placeOf = ({ saga, instance }: Target): string =>
  instance === undefined ? withQuery('/sagas', { saga }) : sagaPath(instance);

/** Defines the pause of a saga, or of one instance, in every database that runs steps of it. */
export function pauseAction({ action, databases }: ConsoleContext): void {
  action({
    path: '/sagas/pause',
    title: 'Pause the saga',
    summary:
      'Pause the calls, queries and undos of a saga, or of one instance, in all databases that run steps of it',
    input: z.object(target),
    concerns: ({ saga }) => ({ saga }),
    preview: async (input) => {
      const here = await runningIt(databases, input);
      const paused = here.filter(({ pause }) => pause !== undefined);
      return {
        eligible: here.length - paused.length,
        unit: `databases that run ${nameOf(input)}`,
        others: [{ count: paused.length, why: 'paused already' }],
        effect:
          'No worker takes up a call, a query or an undo of it, until it is resumed. What is in flight ends, and its outcome is recorded. Events are consumed, local steps run, and deadlines and cancellations fire: what they undo waits, too.',
      };
    },
    run: async (input, { user, reason }) => {
      const held: string[] = [];
      for (const { name } of await runningIt(databases, input)) {
        const pause = await pauseSaga(databases.get(name).database, input, { by: user, reason });
        if (pause !== undefined) held.push(`${name}: ${heldText(pause)}`);
      }
      const changed = held.length;
      if (changed === 0) throw conflict(`${nameOf(input)} is paused already`);
      return {
        text: `${nameOf(input)} is paused in ${countOf(changed)}. ${held.join('. ')}`,
        changed,
        href: placeOf(input),
      };
    },
  });
}

/** Defines the resume of a paused saga, or of one instance, at a rate. */
export function resumeAction({ action, databases }: ConsoleContext): void {
  action({
    path: '/sagas/resume',
    title: 'Resume the saga',
    summary: 'Resume a paused saga, or one instance: what waited is due at a rate, the oldest first',
    input: z.object({ ...target, rate: z.coerce.number().int().min(1).max(10_000).default(50) }),
    concerns: ({ saga }) => ({ saga }),
    preview: async ({ rate, ...input }) => {
      const pauses = (await runningIt(databases, input)).flatMap(({ pause }) => pause ?? []);
      return {
        eligible: pauses.length,
        unit: `databases in which ${nameOf(input)} is paused`,
        effect: `${pauses.map(pauseText).join(' ')} What waits is due ${rate} a second in each database, the oldest first.`,
      };
    },
    fields: ({ rate }) =>
      html`<label
        >Calls a second, at most <input name="rate" type="number" min="1" max="10000" value="${rate}"
      /></label>`,
    run: async ({ rate, ...input }, { user, reason, report, signal }) => {
      let changed = 0;
      let work = 0;
      for (const { name, pause } of await runningIt(databases, input)) {
        if (pause === undefined) continue;
        const options = { rate, signal, onProgress: report };
        const by = { by: user, reason };
        const done = await resumeSaga(databases.get(name).database, input, by, options);
        if (done.kind === 'stopped')
          throw conflict(`stopped: ${nameOf(input)} is still paused in ${name}; resume it again`);
        if (done.kind !== 'resumed') continue;
        changed += 1;
        work += done.work;
      }
      if (changed === 0) throw conflict(`${nameOf(input)} is not paused`);
      const due = `${work} ${work === 1 ? 'call is' : 'calls are'} due, ${rate} a second`;
      return {
        text: `${nameOf(input)} is resumed in ${countOf(changed)}: ${due}`,
        changed,
        href: placeOf(input),
      };
    },
  });
}

/** The databases that run steps of the saga, with their pause of exactly this target. */
async function runningIt(
  databases: Databases,
  of: Target,
): Promise<readonly { readonly name: string; readonly pause: SagaPause | undefined }[]> {
  const { saga, instance } = of;
  const { rows, unread } = await databases.gather(
    where('converge.saga_pause', async (executor) => [await readPauseTarget(executor, of)]),
  );
  const [first] = unread;
  if (first !== undefined)
    throw conflict(
      `${first.database} cannot be read, so it is not known whether it runs ${saga}: ${first.reason}`,
    );
  const here = rows.filter(({ sagas }) => sagas.includes(saga));
  if (here.length === 0) throw notFound(`no database of the console runs a step of saga ${saga}`);
  if (!rows.some(({ knows }) => knows))
    throw notFound(`no database of the console knows an instance ${instance ?? ''} of saga ${saga}`);
  return here.map(({ database: name, pause }) => ({ name, pause }));
}

const nameOf = ({ saga, instance }: Target): string =>
  instance === undefined ? saga : `${saga} ${instance}`;

const countOf = (databases: number): string => `${databases} ${plural(databases, 'database')}`;

function pauseText(pause: SagaPause): string {
  const { by, at, reason } = pause;
  return `Paused by ${by} at ${at.toISOString()} (${reason}): ${heldText(pause)}.`;
}
