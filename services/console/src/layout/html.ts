import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

/** A piece of a page. `html` escapes every value in it; `raw` is not used in the console. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

export { html };

/** A piece of a page that shows nothing. */
export const nothing: Html = html``;
