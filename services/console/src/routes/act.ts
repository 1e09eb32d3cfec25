import { hasTables } from '@convergekit/postgres/engine';
import { explain } from '@convergekit/operate/host';
import {
  type Act,
  type Field,
  type Fields,
  type InputOf,
  type Reads,
  schemaOf,
} from '@convergekit/operate/registry';
import { z } from 'zod';
import { requireBroker } from '../broker.ts';
import type { Databases } from '../databases.ts';
import { conflict } from '../errors.ts';
import { html, type Html } from '../layout/html.ts';
import { shownPayload } from '../payload.ts';
import type { ConsoleContext } from '../screen.ts';
import type { Preview } from './action-definition.ts';

/** The path of an act's form, below which nothing else is: `/parked/retry`. Pure. */
export const actPath = (name: string): string => `/${name.replaceAll('.', '/')}`;

/** The names of fields that an address gives beside those of an act. */
const ONLY = { database: z.string().optional() };
type Given = InputOf<Fields> & { readonly database?: string };

interface ActOptions {
  /** The page that shows the result. */
  readonly result: (input: Given) => string;
}

/** Defines the form and the JSON routes of an act. */
export function defineAct(context: ConsoleContext, act: Act, { result }: ActOptions): void {
  const { payloads } = context;
  const inputSchema = schemaOf(act.input);
  // A form asks for what a preview does not have yet.
  const previewed = inputSchema.extend(
    Object.fromEntries(
      Object.entries(act.input)
        .filter(([, { isAsked, isRequired }]) => isAsked === true && isRequired === true)
        .map(([name]) => [name, z.string().default('')]),
    ),
  );
  const reading = (input: Given): Promise<Reads> => readsIn(context, act, input.database);
  context.action({
    path: actPath(act.name),
    title: act.title,
    summary: sentenceOf(act.summary),
    ...(act.needs !== undefined && { needs: act.needs }),
    input: inputSchema.extend(ONLY),
    previewed: previewed.extend(ONLY),
    concerns: async (given) => act.concerns(await reading(given), given),
    preview: async (given): Promise<Preview> => {
      const found = await act.preview(await reading(given), given);
      const { others, consents = [], notes = [], choices = {}, payload } = found;
      return {
        ...found,
        others: [...others],
        notes: [...notes],
        choices: Object.fromEntries(Object.entries(choices).map(([name, all]) => [name, [...all]])),
        consents: [...consents],
        payload: payload && {
          label: payload.label,
          text: shownPayload(payload.bytes?.toString('utf8') ?? '', payloads) ?? 'not shown',
        },
      };
    },
    fields: (given, { suggested, choices }) =>
      html`${Object.entries(act.input).map(([name, field]) => (field.isAsked === true ? formField(name, field, (given as Given)[name] ?? suggested?.[name], choices?.[name]) : ''))}`,
    run: async (given, { user, ...acting }) => {
      act.check?.(given);
      const {
        text,
        changed,
        refused = [],
      } = await act.run(await reading(given), given, {
        ...acting,
        by: user,
      });
      const said = [text, ...refused].join('. ');
      if (changed === 0 && refused.length > 0) throw conflict(said);
      return { text: said, changed, href: result(given) };
    },
  });
}

/** What a page gives to an act: the database that it names, or all that have the noun's tables. */
export async function readsIn(
  context: ConsoleContext,
  { tables }: Pick<Act, 'tables'>,
  only: string | undefined,
): Promise<Reads> {
  const asked = askedFor(context, only);
  const present = await Promise.all(
    asked.map(({ name, executor }) =>
      hasTables(executor, tables.table).catch((error: unknown) => {
        throw conflict(
          `${name} cannot be read, so it is not known what the act would touch: ${explain(error).message}`,
        );
      }),
    ),
  );
  return readsOf(
    context,
    asked.filter((_, at) => present[at]),
  );
}

/** What a page gives to a list, which shows the databases that can be read; `isWhole`: all can be. */
export async function readableIn(
  context: ConsoleContext,
  { tables }: Pick<Act, 'tables'>,
  only: string | undefined,
): Promise<Reads & { readonly isWhole: boolean }> {
  const asked = askedFor(context, only);
  const present = await Promise.all(
    asked.map(({ executor }) => hasTables(executor, tables.table).catch(() => undefined)),
  );
  const readable = asked.filter((_, at) => present[at]);
  return { ...readsOf(context, readable), isWhole: !present.includes(undefined) };
}

const askedFor = ({ databases }: ConsoleContext, only: string | undefined): Databases['all'] =>
  only === undefined ? databases.all : [databases.get(only)];

const readsOf = (
  { databases, declared, clock, broker, settings }: ConsoleContext,
  chosen: Databases['all'],
): Reads => ({
  databases: chosen,
  known: () => Promise.resolve(databases.all),
  events: declared.events,
  sagas: declared.sagas,
  clock,
  reconcilers: declared.reconcilers,
  broker: () => requireBroker(broker),
  hasBroker: broker !== undefined,
  settings,
});

/** The line of a help as a sentence of a page. Pure. */
export const sentenceOf = (help: string): string => `${help.charAt(0).toUpperCase()}${help.slice(1)}`;

/** The field of a form for which an act asks. */
function formField(
  name: string,
  { shape, help, schema, isRequired }: Field,
  given: unknown,
  choices?: readonly string[],
): Html {
  if (choices?.length === 0) return html``;
  const label = sentenceOf(help);
  const needed = isRequired === true ? html`required` : '';
  switch (shape.kind) {
    case 'whole': {
      const { minimum = 1, maximum } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
      const value = (given as number | undefined) ?? shape.initial ?? shape.suggested ?? '';
      return html`<label
        >${label}
        <input name="${name}" type="number" min="${minimum}" max="${maximum ?? ''}" value="${value}"
      /></label>`;
    }
    case 'json':
      return html`<label
        >${label} <textarea name="${name}" rows="8" ${needed} spellcheck="false"></textarea>
      </label>`;
    case 'toggle':
      return html`<label><input name="${name}" type="checkbox" value="yes" /> ${label}</label>`;
    case 'span':
      return html`<label
        >${label} <input name="${name}" required autocomplete="off" value="${shape.suggested}"
      /></label>`;
    case 'text':
    case 'texts':
    case 'instant':
      if (choices !== undefined)
        return html`<label
          >${label}
          <select name="${name}">
            <option value="">choose</option>
            ${choices.map((one) => html`<option value="${one}">${one}</option>`)}
          </select></label
        >`;
      return html`<label>${label} <input name="${name}" autocomplete="off" spellcheck="false" /></label>`;
  }
}
