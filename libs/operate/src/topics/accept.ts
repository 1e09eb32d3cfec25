import { act } from '../registry/act.ts';
import { name, texts, toggle } from '../registry/fields.ts';
import { concernedOf, tables } from '../source/one-source.ts';
import { acceptPartitions, previewPartitions } from './accept-partitions.ts';
import { acceptRecreated, previewRecreated } from './recreated.ts';

/** Lets the relay continue with a topic that changed at the broker. */
export const accept = act({
  name: 'topics.accept',
  title: 'Accept topic',
  summary:
    'continue with a topic that got more partitions (drained, read to its end, switched), or was created again',
  did: 'accepted',
  tables,
  input: {
    topic: name('a topic that the relay halted with PARTITION_COUNT_CHANGED or TOPIC_RECREATED'),
    group: texts('name', 'consumer groups that read it: the command waits for them'),
    force: toggle('wait for no group: keys that move lose their order across the change'),
    madeAgain: toggle('instead: it was deleted and created again; continue behind what was acknowledged'),
  },
  concerns: concernedOf,
  preview: (reads, given) => (given.madeAgain ? previewRecreated : previewPartitions)(reads, given),
  run: (reads, given, acting) => (given.madeAgain ? acceptRecreated : acceptPartitions)(reads, given, acting),
});
