-- From which offset of a partition on this source's records carry signatures, and of which key: the log's end when the first leader
-- with that key took over. A record behind it without a valid signature is not this source's own (docs/guides/trust.md).
alter table converge.relay_cursor add column signed_by text, add column signed_from bigint;
