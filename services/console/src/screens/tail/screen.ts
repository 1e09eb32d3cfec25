import { z } from 'zod';
import type { ConsoleContext, Screen } from '../../screen.ts';
import { filterSchema } from './read-batch.ts';
import { tailStream } from './stream.ts';
import { html } from '../../layout/html.ts';
import { filterForm, withQuery } from '../../layout/parts.ts';

/** Live tail: events as they commit. */
export const tail: Screen = {
  name: 'tail',
  title: 'Live tail',
  path: '/tail',
  summary: 'Events as they commit, filtered by topic, type, key or consumer; sampled above 200 in a second',
  routes: [tailStream, tailView],
};

/** Defines the page of the live tail. Its rows come from the stream, by the script. */
function tailView({ view, databases }: ConsoleContext): void {
  view({
    path: '/tail',
    summary: 'The address of the live stream for a filter: server-sent events named frame',
    input: filterSchema,
    answer: z.object({ stream: z.string() }),
    read: (filter) => Promise.resolve({ stream: withQuery('/tail/events', filter) }),
    page: ({ stream }, _visit, { database, topic, type, key, consumer }) => ({
      title: 'Live tail',
      script: 'tail.js',
      body: html`${filterForm('/tail', [
          { name: 'topic', label: 'Topic', value: topic },
          { name: 'type', label: 'Type', value: type },
          { name: 'key', label: 'Key', value: key },
          { name: 'consumer', label: 'Read by consumer', value: consumer },
          { name: 'database', label: 'Database', value: database, options: databases.names },
        ])}
        <noscript
          ><p class="note">
            The live tail needs scripts. <code>converge outbox tail</code> shows the same.
          </p></noscript
        >
        <p class="live" data-stream="${stream}">
          <button type="button" data-pause>Pause</button>
          <span data-rate class="quiet">connects …</span>
        </p>
        <p data-trouble class="note needs" role="status" hidden></p>
        <div class="scroll" role="region" aria-label="Events as they commit" tabindex="0">
          <table>
            <caption>
              Events as they commit, the newest first. An event's data is behind its id, as the privacy of
              payloads permits.
            </caption>
            <thead>
              <tr>
                ${['Event', 'Written', 'Topic', 'Key', 'Type', 'Bytes', 'Database'].map((title) => html`<th scope="col" class="${title === 'Bytes' ? 'number' : ''}">${title}</th>`)}
              </tr>
            </thead>
            <tbody data-rows></tbody>
          </table>
          <p data-empty class="quiet waiting">No event has committed since you opened this page.</p>
        </div>`,
    }),
  });
}
