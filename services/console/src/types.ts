import type { Grant } from '@convergekit/operate/host';
import type { HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Html } from './layout/html.ts';

/** How a user was known; `provider` = by a session that an OpenID Connect provider began, `application` = by the login of the application around. */
export type Via = 'token' | 'session' | 'provider' | 'proxy' | 'application';

export interface User {
  readonly user: string;
  readonly via: Via;
  readonly grants: readonly Grant[];
  /** The token that each form of this user carries. */
  readonly formToken: string;
}

/** The user of a request. An operator has a grant to act; `named` = a user to whom no right belongs. */
export type Visitor =
  | { readonly kind: 'reader'; readonly named?: string }
  | ({ readonly kind: 'viewer' } & User)
  | ({ readonly kind: 'operator' } & User);

export const READER: Visitor = { kind: 'reader' };

/** The types of the Hono application: each request has a visitor, and the connection that it came over. */
export interface ConsoleTypes {
  readonly Variables: {
    visitor: Visitor;
    /** The address as the pages know it: without the base path. */
    address: URL;
  };
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
