import type { z } from 'zod';
import { facts } from '../../layout/parts.ts';
import { html } from '../../layout/html.ts';
import type { PageContent } from '../../screen.ts';
import type { alarmSchema } from './schemas.ts';

/** The page of an alarm, as docs/guides/alarms.md has it. */
export function alarmPage({ name, means, next }: z.output<typeof alarmSchema>): PageContent {
  const body = html`${facts([
      ['It means', means],
      ['Next step', next.replaceAll('`', '')],
    ])}
    <p class="quiet">All alarms: docs/guides/alarms.md. <a href="/">What needs attention now</a></p>`;
  return { title: `Alarm ${name}`, body };
}
