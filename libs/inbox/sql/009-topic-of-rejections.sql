-- A rejection is of a record of one topic: in a topic that was created anew, another record has its offset. '' where the broker has
-- no topic ids. A role of the version before writes '' into a topic with an id: its rejection has no effect, and is repeated.
alter table converge.inbox_rejected add column topic_id text not null default '';
update converge.inbox_rejected r set topic_id = p.topic_id
  from converge.inbox_partition p
 where p.consumer = r.consumer and p.topic = r.topic and p.partition = r.partition and p.topic_id is not null;
alter table converge.inbox_rejected
  drop constraint inbox_rejected_pkey,
  add primary key (consumer, topic, partition, topic_id, record_offset);
