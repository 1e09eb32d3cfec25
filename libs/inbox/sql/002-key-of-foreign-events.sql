-- Foreign events have one key. Slot 0 had a second one, on which two slices with the same event at the same moment could fail,
-- since `on conflict` named only the other. A primary key lets a publication for all tables replicate deletes.
alter table converge.inbox_foreign drop constraint inbox_foreign_pkey;
alter table converge.inbox_foreign alter slot drop default;
alter table converge.inbox_foreign_seen
  drop constraint inbox_foreign_seen_consumer_identity_slot_key,
  add primary key (consumer, identity, slot);
