-- A partition count that an operator accepts (`converge topics accept`). The topic is held. The leader sends every
-- window up to drain_to with the old count; whatever was sent before is among them, so that no event can come twice, in
-- two partitions. Then the command records the new count and removes this row; the leader removes it when the topic
-- flows with the old count again, because drain_to would then be too early.
create table converge.relay_accept (
  topic        text        primary key references converge.relay_topic,
  partitions   int         not null check (partitions > 0),
  drain_to     bigint      check (drain_to >= 0),
  requested_at timestamptz not null default clock_timestamp()
);
