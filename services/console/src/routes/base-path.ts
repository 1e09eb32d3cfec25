import { getPath } from 'hono/utils/url';
import { ConvergeError } from '@convergekit/core';

/** A path of segments that no server or browser writes in another way. */
const BASE_PATH = /^(\/(?!\.{1,2}(\/|$))[\w.~-]+)*\/?$/;

/** Returns the path under which the console is mounted, without the slash at its end: `''` or `/ops/console`. Pure. */
export function basePathOf(given: string): string {
  if (BASE_PATH.test(given)) return given.replace(/\/$/, '');
  throw new ConvergeError(
    `the base path ${JSON.stringify(given)} of the console cannot be used: write it as /ops/console, with letters, digits and - . _ ~`,
    { code: 'CONFIG_INVALID', category: 'configuration', certainty: 'not_applied' },
  );
}

/** Returns a path without the base path; undefined for one that is not under it. Pure. */
export function pathUnder(base: string, path: string): string | undefined {
  if (!path.startsWith(base)) return undefined;
  const rest = path.slice(base.length);
  return rest === '' ? '/' : rest.startsWith('/') ? rest : undefined;
}

/** Returns the path that routes are matched with. Requests that are not under the base path do not come so far. */
export function routePathOf(base: string): (request: Request) => string {
  return (request) => pathUnder(base, getPath(request)) ?? '/';
}

/** Returns the address of a request as the pages of the console know it: without the base path. Pure. */
export function addressUnder(base: string, address: string): URL {
  const url = new URL(address);
  url.pathname = pathUnder(base, url.pathname) ?? '/';
  return url;
}

/** The attributes of an element that hold an address. */
const ADDRESSES = /(\s(?:href|action|src|data-stream)=")\/(?!\/)/g;

/**
 * Returns a page with the base path in front of each path of the console. Pure.
 * Pages name paths as if the console were at `/`. A value in a page has no quote that is not escaped, so that what is found is
 * an attribute, and never the text of an event.
 */
export function pageUnder(base: string, page: string): string {
  return base === '' ? page : page.replaceAll(ADDRESSES, `$1${base}/`);
}

/**
 * Returns a path of the console; addresses of other sites become the home page. Pure.
 * Browsers leave tabs and line feeds out of an address: what looks like a path may be `//host` to them.
 */
export function pathOf(to: string | undefined): string {
  return to !== undefined && /^\/(?![/\\])[^\p{Cc}]*$/u.test(to) ? to : '/';
}
