import type { LogStore, StoreFound, StoreWant } from '@convergekit/broker/engine';
import {
  changeGroup,
  commitOffsets,
  heartbeat,
  leave,
  makeGroup,
  readGroup,
  readMembers,
} from '../group/group-sql.ts';
import type { LogSession } from '../session/log-session.ts';
import { decodeBatch } from './decode.ts';
import { fetchBatches, type Found } from './fetch-sql.ts';
import { topicSettings } from './topic-settings.ts';
import { createTopic, deleteTopic, findTopics, readCommitted, readEnds } from './topic-sql.ts';

/** The statements of the log on one session. */
export function storeOn(session: LogSession): LogStore {
  return {
    findTopics: (names) => findTopics(session, names),
    createTopic: async (topic) => createTopic(session, topic, topicSettings(topic)),
    deleteTopic: (name) => deleteTopic(session, name),
    readEnds: (topic) => readEnds(session, topic),
    fetch: async (wants) => {
      const found = await fetchBatches(session, wants);
      return wants.map((want, index) => decoded(want, found[index]));
    },
    makeGroup: (groupId) => makeGroup(session, groupId),
    readGroup: (...group) => readGroup(session, ...group),
    changeGroup: (...change) => changeGroup(session, ...change),
    heartbeat: (...member) => heartbeat(session, ...member),
    leave: (groupId, memberId) => leave(session, groupId, memberId),
    commitOffsets: (commit) => commitOffsets(session, commit),
    readCommitted: (groupId, topic) => readCommitted(session, groupId, topic),
    readMembers: (groupId) => readMembers(session, groupId),
    close: () => session.close(),
  };
}

function decoded({ topic, partition, offset: from }: StoreWant, found: Found): StoreFound {
  if (found === undefined) return undefined;
  const { start, end, batches } = found;
  const place = { topic, partition, from };
  return {
    start,
    end,
    records: batches.flatMap((batch) => decodeBatch(batch, place)),
    bytes: batches.reduce((sum, { bytes }) => sum + bytes.length, 0),
    nextOffset: (batches.at(-1)?.lastOffset ?? from - 1n) + 1n,
  };
}
