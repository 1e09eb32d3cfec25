import { formatMs } from '@convergekit/operate/text';
import type { Unread } from '../databases.ts';
import { html, type Html, nothing } from './html.ts';
import { shortIds } from './short-ids.ts';

/** The states of a thing, by what an operator does about it. A word and a sign carry them; colour only repeats it. */
export type StateKind = 'ok' | 'waits' | 'needs' | 'off';

const SIGNS = { ok: '✓', waits: '◔', needs: '▲', off: '–' } as const;

/** A state as sign and word. `needs` = an operator must act, `waits` = it continues by itself, `off` = paused or ended. */
export function state(kind: StateKind, word: string): Html {
  return html`<span class="state ${kind}"><span aria-hidden="true">${SIGNS[kind]}</span> ${word}</span>`;
}

/** A moment that has passed as its age, with the exact time on hover; `-` for none. A database's clock may be ahead of this one. */
export function ago(at: Date | null | undefined, now: number): Html {
  if (at === null || at === undefined) return html`<span class="quiet">–</span>`;
  return timeOf(at, `${formatMs(Math.max(0, now - at.getTime()))} ago`);
}

/** When something is due, or was: it may be ahead or past. */
export function due(at: Date | null | undefined, now: number): Html {
  if (at === null || at === undefined) return html`<span class="quiet">–</span>`;
  const ms = at.getTime() - now;
  return timeOf(at, ms > 0 ? `in ${formatMs(ms)}` : `${formatMs(-ms)} ago`);
}

function timeOf(at: Date, text: string): Html {
  return html`<time datetime="${at.toISOString()}" title="${at.toISOString()}">${text}</time>`;
}

/** A moment as date and time in UTC, to the second. */
export function moment(at: Date | null | undefined): Html {
  if (at === null || at === undefined) return html`<span class="quiet">–</span>`;
  const text = at
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' Z');
  return html`<time datetime="${at.toISOString()}">${text}</time>`;
}

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => Html | string | number | null | undefined;
  /** `number` aligns right, `code` is monospaced, `wide` may wrap and takes the room, `acts` has buttons. @default text */
  readonly kind?: 'number' | 'code' | 'wide' | 'acts';
}

export interface TableOptions<Row> {
  /** The heading above it. @default none */
  readonly heading?: string;
  /** What the table lists; read out, and shown above it. */
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** The page of a row: its first cell becomes the link, and `j`, `k` go along these links. */
  readonly href?: (row: Row) => string | undefined;
  /** The line instead of an empty table. @default nothing, and no heading */
  readonly empty?: string;
}

/**
 * A table. On a phone each row is a card with the titles beside the values, so that nothing is beyond the edge; the roles keep
 * it a table for a screen reader then.
 */
export function dataTable<Row>({ heading, caption, columns, rows, href, empty }: TableOptions<Row>): Html {
  if (rows.length === 0) return empty === undefined ? nothing : html`<p class="empty">${empty}</p>`;
  return html`${heading === undefined ? nothing : html`<h2>${heading}</h2>`}
    <div class="scroll" role="region" aria-label="${caption}" tabindex="0">
      <table role="table">
        <caption>
          ${caption}
        </caption>
        <thead role="rowgroup">
          <tr role="row">
            ${columns.map(({ title, kind }) => html`<th role="columnheader" scope="col" class="${kind ?? ''}">${title}</th>`)}
          </tr>
        </thead>
        <tbody role="rowgroup">
          ${rows.map(
            (row) =>
              html`<tr role="row">
                ${columns.map((column, index) => cellOf(column, row, index === 0 ? href?.(row) : undefined))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function cellOf<Row>({ title, cell, kind }: Column<Row>, row: Row, href: string | undefined): Html {
  const value = cell(row);
  const isEmpty = value === null || value === undefined || value === '';
  const content = isEmpty ? '–' : kind === 'code' && typeof value === 'string' ? shortIds(value) : value;
  return html`<td
    role="cell"
    data-label="${title}"
    class="${[kind ?? '', isEmpty ? 'none' : ''].join(' ').trim()}"
  >
    ${href === undefined ? content : html`<a data-row href="${href}">${content}</a>`}
  </td>`;
}

/** Names and values of one thing. */
export function facts(rows: readonly (readonly [string, Html | string | number | null | undefined])[]): Html {
  return html`<dl class="facts">
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value ?? '–'}</dd>
        </div>`,
    )}
  </dl>`;
}

/** A field of a filter: free text, or one of some values. */
export interface FilterField {
  readonly name: string;
  readonly label: string;
  readonly value: string | undefined;
  /** @default free text */
  readonly options?: readonly string[];
  /** Behind "More filters", which is open while one of them has a value. @default false */
  readonly more?: boolean;
}

/** The filter of a list. It is sent by GET, so that it is in the address. */
export function filterForm(action: string, fields: readonly FilterField[]): Html {
  const more = fields.filter((field) => field.more === true);
  return html`<form class="filter" method="get" action="${action}">
    ${fields.filter((field) => field.more !== true).map(filterField)}
    <button type="submit">Filter</button>
    ${fields.some(isGiven) ? html`<a class="clear" href="${action}">Clear</a>` : nothing}
    ${
      more.length === 0
        ? nothing
        : html`<details ${more.some(isGiven) ? html`open` : nothing}>
            <summary>More filters</summary>
            <div class="fields">${more.map(filterField)}</div>
          </details>`
    }
  </form>`;
}

const isGiven = ({ value }: FilterField): boolean => value !== undefined && value !== '';

function filterField({ name, label, value = '', options }: FilterField): Html {
  if (options === undefined)
    return html`<label
      >${label} <input name="${name}" value="${value}" autocomplete="off" spellcheck="false"
    /></label>`;
  return html`<label
    >${label}
    <select name="${name}">
      <option value="">any</option>
      ${options.map((one) => html`<option value="${one}" ${one === value ? html`selected` : nothing}>${one}</option>`)}
    </select></label
  >`;
}

/** A link that leads to the form of an action. */
export function actionLink(href: string, text: string): Html {
  return html`<a class="button" href="${href}">${text}</a>`;
}

/** A link to the next page of a list by keyset; nothing at the end. */
export function nextPage(next: string | null | undefined, href: (next: string) => string): Html {
  return next === null || next === undefined
    ? nothing
    : html`<p class="pager"><a rel="next" href="${href(next)}">Older rows</a></p>`;
}

/** The note about databases that could not be read: what is shown lacks their rows. */
export function unreadNote(unread: readonly Unread[]): Html {
  return html`${unread.map(
    ({ database, reason }) =>
      html`<p class="note needs" role="status">${state('needs', `${database} is not shown`)} ${reason}</p>`,
  )}`;
}

/** An address with a query; undefined and empty values are left out. Pure. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

/** The noun for a number of things (pure). */
export const plural = (count: number, noun: string): string => (count === 1 ? noun : `${noun}s`);
