import type { HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Html } from './layout/html.ts';
import type { Visitor } from './security/visitor.ts';

/** The types of the Hono application: each request has a visitor, and the connection that it came over. */
export interface ConsoleTypes {
  readonly Variables: { visitor: Visitor };
  readonly Bindings: Partial<HttpBindings>;
}

export type App = Hono<ConsoleTypes>;

/** What is shown of the data of events. `full`: a signed-in user may open it, and each look is audited. */
export type PayloadPrivacy = 'none' | 'masked' | 'full';

/** The content of a page; the layout adds the frame. */
export interface PageContent {
  readonly title: string;
  readonly body: Html;
  /** A module in `static/` that this page needs, such as `tail.js`. */
  readonly script?: string;
}
