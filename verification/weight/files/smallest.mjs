import { defineConsumer, defineEvent, defineService } from 'convergekit';
import { z } from 'zod';

/** The smallest service: one consumer, and the relay that publishes its failure events. */
const data = z.object({ id: z.string() });
const noted = defineEvent('note.taken', { topic: 'notes', key: ({ id }) => id, data });
const notes = defineConsumer('notes').on(noted, () => undefined);

await defineService('notes', { consumers: [notes], emits: [noted] }).run();
