-- The primary key of slot 0 said again what `unique (consumer, identity, slot)` says, for versions that knew no slots. Two
-- slices with the same event at the same moment could fail on it, since `on conflict` named only the other.
alter table converge.inbox_foreign drop constraint inbox_foreign_pkey;
alter table converge.inbox_foreign alter slot drop default;
