-- A short hash of a failure's code and of the shape of its text: what is quoted, and every word with a digit in it, is left out, so
-- that failures of one kind share it whatever their ids and amounts are. It is computed when the failure is written, since a page of
-- a hundred thousand dead letters would take seconds to do so. Null: the event was not attempted.
alter table converge.parked add column fingerprint text generated always as (
  left(md5(code || ' ' || regexp_replace(left(reason, 300), '"[^"]*"|[[:alnum:]_-]*[0-9][[:alnum:]_-]*', '#', 'g')), 10)) stored;
