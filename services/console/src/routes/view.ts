import type { Right } from '@convergekit/operate/host';
import type { z } from 'zod';
import type { RenderPage } from '../layout/layout.ts';
import type { Context } from 'hono';
import type { App, ConsoleTypes, PageContent, Visitor } from '../types.ts';
import { inputOf } from './input.ts';
import { jsonAnswer } from './json.ts';
import type { Operation } from './openapi.ts';

/** The circumstances of a request for a page. */
export interface Visit {
  readonly visitor: Visitor;
  readonly url: URL;
  /** The console's clock at the request, milliseconds since the epoch. */
  readonly now: number;
}

/** A page and its twin in the API. */
export interface View<Input extends z.ZodObject, Answer extends z.ZodType> {
  /** The path in Hono's form: `/sagas/:database/:id`. Its names are fields of `input`. */
  readonly path: string;
  /** What the API answers with, in one line. */
  readonly summary: string;
  /** The fields of the path and the query. All arrive as texts: use `z.coerce` for numbers. */
  readonly input: Input;
  /** The answer. Fields that are not in it leave neither by the API nor by the page. Dates and bigints may be in it. */
  readonly answer: Answer;
  readonly read: (input: z.output<Input>, visit: Visit) => Promise<z.input<Answer>>;
  readonly page: (
    answer: z.output<Answer>,
    visit: Visit,
    input: z.output<Input>,
  ) => PageContent | Promise<PageContent>;
}

export type DefineView = <Input extends z.ZodObject, Answer extends z.ZodType>(
  view: View<Input, Answer>,
) => void;

export interface RouteParts {
  readonly app: App;
  readonly render: RenderPage;
  readonly now: () => number;
  /** The rights of the settings, by their names. */
  readonly rights: Readonly<Record<string, Right>>;
  /** Adds an operation to the document of the API. */
  readonly document: (operation: Operation) => void;
}

/** Makes the function that defines views. */
export function defineViews({ app, render, now, document }: RouteParts): DefineView {
  return ({ path, summary, input, answer, read, page }) => {
    const answered = async (c: Context<ConsoleTypes>) => {
      const visit: Visit = { visitor: c.get('visitor'), url: c.get('address'), now: now() };
      const given = inputOf(c, input);
      return { given, visit, found: answer.parse(await read(given, visit)) };
    };
    app.get(path, async (c) => {
      const { given, visit, found } = await answered(c);
      return render(c, await page(found, visit, given));
    });
    const api = apiPath(path);
    app.get(api, async (c) => jsonAnswer(c, (await answered(c)).found));
    document({ method: 'get', path: api, summary, input, answer, acts: false });
  };
}

/** The path in the API of a page's path; the home page is `/api/attention`. Pure. */
export function apiPath(path: string): string {
  return path === '/' ? '/api/attention' : `/api${path}`;
}
