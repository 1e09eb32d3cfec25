-- The saga's own tables keep intents, calls and what they are undone with; here stays what was paid.
drop table payment_work;
delete from payment where state = 'pending';
update payment set state = 'taken' where state = 'refunding';
alter table payment drop column parcel, drop constraint payment_state_check,
  add constraint payment_state_check check (state in ('taken', 'declined', 'refunded'));
