import { html, type Html } from './html.ts';

/** Ids of events, sagas and traces: too long to be read in a list. */
const LONG_ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}/gi;
const HEAD = 8;
const TAIL = 6;

/**
 * A text in which long ids show their beginning and end. The middle is there and has no width, so that a copy of the text, a
 * search in the page and a screen reader have the whole id; it is also the tooltip.
 */
export function shortIds(text: string): Html {
  const parts = text.split(LONG_ID);
  const ids = text.match(LONG_ID) ?? [];
  return html`${parts.map((part, index) => html`${part}${shortId(ids[index])}`)}`;
}

function shortId(id: string | undefined): Html | string {
  if (id === undefined) return '';
  const [head, middle, tail] = [id.slice(0, HEAD), id.slice(HEAD, -TAIL), id.slice(-TAIL)];
  return html`<span class="id" title="${id}">${head}<span class="middle">${middle}</span>${tail}</span>`;
}
