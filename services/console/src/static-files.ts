import { readFileSync } from 'node:fs';
import type { App } from './types.ts';

const TYPES = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' } as const;
/** Every file that is served; a path never reaches the file system. A script of a screen is one more line here. */
const FILES = ['style.css', 'console.js', 'tail.js', 'icon.svg'] as const;

/** Serves the stylesheet and the scripts, read once at the start. */
export function staticFiles(app: App): void {
  for (const name of FILES) {
    const content = readFileSync(new URL(`../static/${name}`, import.meta.url), 'utf8');
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1) as keyof typeof TYPES];
    app.get(`/static/${name}`, (c) => c.body(content, 200, { 'content-type': `${type}; charset=utf-8` }));
  }
}
