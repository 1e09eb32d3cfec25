import { defineConsumer, defineEvent, service } from 'convergekit';
import { z } from 'zod';

/** The smallest service: one consumer, and the relay that publishes its failure events. */
const data = z.object({ id: z.string() });
const noted = defineEvent({ type: 'note.taken', topic: 'notes', key: ({ id }) => id, data });
const notes = defineConsumer({ name: 'notes' }).on(noted, () => undefined);

await service('notes', { consumers: [notes], emits: [noted] }).run();
