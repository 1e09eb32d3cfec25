------------------------------- MODULE Lease -------------------------------
(***************************************************************************)
(* Who may lead a source: a lease with a term on the clock of the          *)
(* database, cursors that carry the term, a failover to a copy that lacks  *)
(* commits, the comparison with the log, and the epoch that a rebase       *)
(* begins. Deposed relays and an old primary go on acting. One tick is one *)
(* event; the event and the nonce of tick n are the database in which they *)
(* were made. Left out: windows and writers (Ticks.tla), a log that loses  *)
(* records.                                                                *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets, TLC

CONSTANTS
  NoRelay, Relay,
  LateRelay,    \* Those that connect after the failover.
  MaxTerm, MaxEvents, MaxLog, MaxEpoch,
  MaxTime,      \* 0: no clocks; a lease may have ended at any time.
  Jumps,        \* The clock of the database jumps ahead once.
  \* Guards: "ok" is the design, any other value takes the guard out.
  Term,         \* "kept": a takeover keeps the term
  SaveFence,    \* "none": a cursor is saved whatever term its row carries; "unacked": before the broker has answered
  Margin,       \* "answer": the lease counts from the answer; "none": a relay sends without a look at its clock
  LogCheck,     \* "none": a leader begins without the comparison
  Fork,         \* "same_epoch": a rebase goes on in the old epoch
  Superseded,   \* "ignored": a consumer accepts new positions of an old epoch
  Evidence,     \* "none": a repeat is not compared with the event at the watermark
  OldPrimary    \* "beside": it publishes beside a new primary that found nothing to refuse

VARIABLES
  now, jumped,
  db,         \* 1, 2 -> [lease, cursor, saved, epoch, rows, ticks]; cursor = [term, at, passed]
  primary,
  relay,      \* Relay -> [phase, db, term, epoch, tick, at, asked, until]
  flight,     \* Records on their way to the broker, each with the leadership that sent it.
  log,        \* [epoch, tick, nonce, event, prev]; tick 0 is the marker of an epoch.
  consumer    \* [offset, seen, last, applied, halted]

databases == <<db, primary>>
broker == <<flight, log>>
clocks == <<now, jumped>>
vars == <<clocks, databases, relay, broker, consumer>>

LeaseTime == 2
Databases == {1, 2}
Timed == MaxTime > 0
MayFailOver == LateRelay # {}
Start == [epoch |-> 1, tick |-> 0]
IsAtMost(p, q) == p.epoch < q.epoch \/ (p.epoch = q.epoch /\ p.tick <= q.tick)
Later(p, q) == IF IsAtMost(p, q) THEN q ELSE p
Max(S) == CHOOSE x \in S : \A y \in S : x >= y
DbTime == now + (IF jumped THEN 1 ELSE 0)
Records == {log[i] : i \in 1..Len(log)}
PositionOf(record) == [epoch |-> record.epoch, tick |-> record.tick]

Standby == [phase |-> "standby", db |-> 1, term |-> 0, epoch |-> 1, tick |-> 0, at |-> Start, asked |-> 0, until |-> 0]
DatabaseOf(r) == IF r \in LateRelay THEN 2 ELSE 1

Init ==
  /\ now = 0
  /\ jumped = FALSE
  /\ db = [d \in Databases |-> [
       lease |-> [term |-> 0, holder |-> NoRelay, ends |-> 0],
       cursor |-> [term |-> 0, at |-> Start, passed |-> 0],
       saved |-> 0, epoch |-> 1, rows |-> <<>>, ticks |-> <<>>]]
  /\ primary = 1
  /\ relay = [r \in Relay |-> Standby]
  /\ flight = {}
  /\ log = <<>>
  /\ consumer = [offset |-> 0, seen |-> <<0>>, last |-> 0, applied |-> <<>>, halted |-> "no"]

---------------------------------------------------------------------------
\* Clocks

\* All clocks run at one speed: libs/core/src/clock.ts (Clock).
Advance ==
  /\ now < MaxTime
  /\ now' = now + 1
  /\ UNCHANGED <<jumped, databases, relay, broker, consumer>>

\* The clock of a new primary may be ahead: libs/postgres/src/lease.ts (acquireLease).
Jump ==
  /\ Jumps
  /\ ~jumped
  /\ jumped' = TRUE
  /\ UNCHANGED <<now, databases, relay, broker, consumer>>

---------------------------------------------------------------------------
\* The lease

\* The time counts from before the request: libs/relay/src/leader/lease-loop.ts (LeaseMargin).
Ask(r) ==
  /\ relay[r].phase = "standby"
  /\ DatabaseOf(r) <= primary
  /\ relay' = [relay EXCEPT ![r] = [Standby EXCEPT !.phase = "asked", !.db = DatabaseOf(r), !.asked = now]]
  /\ UNCHANGED <<clocks, databases, broker, consumer>>

\* Takes an ended lease, raises the term, stamps the cursor, begins from it: libs/relay/src/leader/takeover-sql.ts (takeOver).
TakeOver(r) ==
  LET d == relay[r].db
      own == db[d]
      term == IF Term = "kept" /\ own.lease.term > 0 THEN own.lease.term ELSE own.lease.term + 1
  IN
  /\ relay[r].phase = "asked"
  /\ term <= MaxTerm
  /\ Timed => own.lease.ends <= DbTime \/ own.lease.holder = r
  /\ db' = [db EXCEPT ![d].lease = [term |-> term, holder |-> r, ends |-> DbTime + LeaseTime],
                      ![d].cursor.term = term]
  /\ relay' = [relay EXCEPT ![r].phase = "taken", ![r].term = term, ![r].epoch = own.epoch,
                            ![r].tick = own.cursor.passed, ![r].at = own.cursor.at]
  /\ UNCHANGED <<clocks, primary, broker, consumer>>

\* Records that the database cannot have made: libs/relay/src/log-check/judge.ts (doubtOf).
IsKnown(record, d) == record.tick = 0 \/ (record.tick <= Len(db[d].ticks) /\ db[d].ticks[record.tick] = record.nonce)
LastMarker == Max({0} \cup {i \in 1..Len(log) : log[i].tick = 0})
Fresh == {log[i] : i \in LastMarker + 1..Len(log)}
Shared(d) == {record \in Fresh : record.epoch = db[d].epoch /\ IsKnown(record, d)}
Doubted(d) == {record \in Fresh : record.epoch >= db[d].epoch} \ Shared(d)

\* No tick and no record before the comparison with the log: libs/relay/src/log-check/compare.ts (admit).
Admit(r) ==
  /\ relay[r].phase = "taken"
  /\ LogCheck = "ok" => Doubted(relay[r].db) = {}
  /\ relay' = [relay EXCEPT ![r].phase = "leading",
                            ![r].until = (IF Margin = "answer" THEN now ELSE relay[r].asked) + LeaseTime]
  /\ UNCHANGED <<clocks, databases, broker, consumer>>

\* Only the term and the holder prove the lease: libs/postgres/src/lease.ts (renewLease).
Renew(r) ==
  LET d == relay[r].db IN
  /\ Timed
  /\ relay[r].phase = "leading"
  /\ now < relay[r].until
  /\ db[d].lease.term = relay[r].term
  /\ db[d].lease.holder = r
  /\ db' = [db EXCEPT ![d].lease.ends = DbTime + LeaseTime]
  /\ relay' = [relay EXCEPT ![r].until = now + LeaseTime]
  /\ db' # db \/ relay' # relay
  /\ UNCHANGED <<clocks, primary, broker, consumer>>

\* A leadership ends; what is in flight may still arrive: libs/relay/src/leader/lead.ts (lead).
End(r) ==
  /\ relay[r].phase \in {"taken", "leading"}
  /\ Timed \/ db[relay[r].db].lease.term # relay[r].term
  /\ relay' = [relay EXCEPT ![r] = Standby]
  /\ UNCHANGED <<clocks, databases, broker, consumer>>

---------------------------------------------------------------------------
\* Events, ticks, records, cursors

\* Writers commit to the primary, and to one that does not know that it is none: libs/outbox/src/transaction.ts (transaction).
Commit(d) ==
  /\ Len(db[d].rows) < MaxEvents
  /\ d = 2 => primary = 2
  /\ db' = [db EXCEPT ![d].rows = Append(@, d)]
  /\ UNCHANGED <<clocks, primary, relay, broker, consumer>>

\* A deposed relay's tick is a normal tick: libs/relay/src/window/ticker.ts (Ticker).
MakeTick(r) ==
  LET d == relay[r].db IN
  /\ relay[r].phase = "leading"
  /\ Len(db[d].ticks) < Len(db[d].rows)
  /\ db' = [db EXCEPT ![d].ticks = Append(@, d)]
  /\ UNCHANGED <<clocks, primary, relay, broker, consumer>>

Leadership(r) == <<r, relay[r].db, relay[r].term>>
MaySend(r) == relay[r].phase = "leading" /\ (Timed /\ Margin # "none" => now < relay[r].until)
IsAdmittedBeside(d) == \E q \in Relay : relay[q].phase = "leading" /\ relay[q].db # d /\ relay[q].epoch = db[d].epoch

\* One request in flight for each partition, within the lease: libs/relay/src/send/sends-in-flight.ts (SendsInFlight).
Produce(r) ==
  LET own == relay[r]
      tick == own.tick + 1
      position == [epoch |-> own.epoch, tick |-> tick]
      database == db[own.db]
  IN
  /\ MaySend(r)
  /\ OldPrimary = "ok" => ~(own.db = 1 /\ IsAdmittedBeside(1))
  /\ tick <= Len(database.ticks)
  /\ ~\E one \in flight : one.by = Leadership(r)
  /\ Len(log) + Cardinality(flight) < MaxLog
  /\ flight' = flight \cup {[by |-> Leadership(r),
       record |-> [epoch |-> own.epoch, tick |-> tick, nonce |-> database.ticks[tick],
                   event |-> database.rows[tick], prev |-> own.at]]}
  /\ relay' = [relay EXCEPT ![r].tick = tick, ![r].at = position]
  /\ UNCHANGED <<clocks, databases, log, consumer>>

\* The broker appends a record, and acknowledges it: libs/relay/src/send/send-loop.ts (SendLoop).
Arrive ==
  /\ \E one \in flight :
       /\ log' = Append(log, one.record)
       /\ flight' = flight \ {one}
  /\ UNCHANGED <<clocks, databases, relay, consumer>>

\* Each row is compared with its own term: libs/relay/src/cursor/save-sql.ts (saveCursors).
SaveCursor(r) ==
  LET own == relay[r]
      d == own.db
  IN
  /\ own.phase = "leading"
  /\ SaveFence # "unacked" => ~\E one \in flight : one.by = Leadership(r)
  /\ SaveFence # "none" => db[d].cursor.term = own.term
  /\ db[d].cursor.passed # own.tick
  /\ db' = [db EXCEPT ![d].cursor.at = own.at, ![d].cursor.passed = own.tick,
                      ![d].saved = IF own.tick > @ THEN own.tick ELSE @]
  /\ UNCHANGED <<clocks, primary, relay, broker, consumer>>

---------------------------------------------------------------------------
\* The database goes back

\* The standby, or the backup, has the state of now: libs/relay/src/leader/takeover-sql.ts (takeOver).
Copy ==
  /\ MayFailOver
  /\ primary = 1
  /\ db[2] # db[1]
  /\ db' = [db EXCEPT ![2] = db[1]]
  /\ UNCHANGED <<clocks, primary, relay, broker, consumer>>

\* Relays that connect from now on find the copy: libs/relay/src/leader/lead.ts (lead).
FailOver ==
  /\ MayFailOver
  /\ primary = 1
  /\ primary' = 2
  /\ UNCHANGED <<clocks, db, relay, broker, consumer>>

\* Forks at the last tick that log and database share, behind a marker in the log: libs/relay/src/rebase/plan.ts (planRebase).
Rebase ==
  LET own == db[2]
      epoch == IF Fork = "same_epoch" THEN own.epoch ELSE own.epoch + 1
      shared == {record.tick : record \in Shared(2)}
      last == IF log = <<>> THEN own.cursor.at ELSE Later(own.cursor.at, PositionOf(log[Len(log)]))
      term == own.lease.term + 1
  IN
  /\ primary = 2
  /\ own.epoch < MaxEpoch
  /\ term <= MaxTerm
  /\ Len(log) + Cardinality(flight) < MaxLog
  /\ Doubted(2) # {}
  /\ log' = Append(log, [epoch |-> epoch, tick |-> 0, nonce |-> 2, event |-> 0, prev |-> last])
  /\ db' = [db EXCEPT ![2].epoch = epoch, ![2].lease.term = term, ![2].lease.holder = NoRelay, ![2].saved = 0,
       ![2].cursor = [term |-> term, at |-> last, passed |-> Max(shared \cup {own.cursor.passed})]]
  /\ UNCHANGED <<clocks, primary, relay, flight, consumer>>

---------------------------------------------------------------------------
\* A consumer, which reads the log in order. `seen` has the highest tick of each epoch that it knows.

Top == Len(consumer.seen)
Known(epoch) == [epoch |-> epoch, tick |-> consumer.seen[epoch]]
Raised(epoch, tick) == [e \in 1..epoch |-> IF e = epoch THEN tick ELSE IF e <= Top THEN consumer.seen[e] ELSE 0]

\* Verdict and evidence: libs/inbox/src/plan/judge.ts (judge) and libs/inbox/src/plan/evidence.ts (forkOf).
Read ==
  LET record == log[consumer.offset + 1]
      epoch == record.epoch
      isRepeat == epoch <= Top /\ record.tick <= consumer.seen[epoch]
      isFork == epoch = Top /\ record.tick = consumer.seen[epoch] /\ record.event # consumer.last /\ record.tick > 0
      known == IF record.prev.epoch <= Top THEN Known(record.prev.epoch) ELSE Known(Top)
      halt(why) == [consumer EXCEPT !.halted = why]
      passed == [consumer EXCEPT !.offset = @ + 1]
      taken == [passed EXCEPT !.seen = Raised(IF epoch > Top THEN epoch ELSE Top,
                                              IF epoch >= Top THEN record.tick ELSE consumer.seen[Top]),
                              !.last = record.event,
                              !.applied = IF record.tick = 0 THEN @
                                          ELSE Append(@, [epoch |-> epoch, event |-> <<record.event, record.tick>>])]
  IN
  /\ consumer.halted = "no"
  /\ consumer.offset < Len(log)
  /\ consumer' =
       IF isRepeat THEN (IF isFork /\ Evidence = "ok" THEN halt("fork") ELSE passed)
       ELSE IF epoch < Top /\ Superseded = "ok" THEN halt("superseded")
       ELSE IF ~IsAtMost(record.prev, known) THEN halt("gap")
       ELSE taken
  /\ UNCHANGED <<clocks, databases, relay, broker>>

Next ==
  \/ Advance \/ Jump \/ Copy \/ FailOver \/ Rebase \/ Arrive \/ Read
  \/ \E d \in Databases : Commit(d)
  \/ \E r \in Relay :
       \/ Ask(r) \/ TakeOver(r) \/ Admit(r) \/ Renew(r) \/ End(r)
       \/ MakeTick(r) \/ Produce(r) \/ SaveCursor(r)

Spec == Init /\ [][Next]_vars

---------------------------------------------------------------------------
\* Invariants

\* No two leaders of one database have one term.
OneHolder ==
  \A r, q \in Relay :
    (r # q /\ {relay[r].phase, relay[q].phase} \subseteq {"taken", "leading"} /\ relay[r].db = relay[q].db)
      => relay[r].term # relay[q].term

\* While clocks only run, at most one relay of a database may send.
OneSender ==
  (Timed /\ ~jumped) =>
    \A r, q \in Relay : (r # q /\ MaySend(r) /\ MaySend(q)) => relay[r].db # relay[q].db

\* A cursor never goes back within an epoch.
CursorForward == \A d \in Databases : db[d].cursor.passed >= db[d].saved

\* What a cursor has passed is in the log.
CursorNotAhead ==
  \A d \in Databases : \A n \in 1..db[d].cursor.passed :
    \E record \in Records : record.tick = n /\ record.event = db[d].rows[n]

AppliedEvents == {consumer.applied[i].event : i \in 1..Len(consumer.applied)}

\* A consumer at the log's end that is not halted has applied all that the primary's cursor has passed.
NoLoss ==
  (consumer.halted = "no" /\ consumer.offset = Len(log)) =>
    \A n \in 1..db[primary].cursor.passed : <<db[primary].rows[n], n>> \in AppliedEvents

\* Within an epoch an event takes effect once; a rebase names those that it sends again.
OncePerEpoch ==
  \A i, j \in 1..Len(consumer.applied) : i # j => consumer.applied[i] # consumer.applied[j]

\* Nothing of an old primary takes effect behind the marker of a newer epoch.
NoOldPrimary ==
  \A i, j \in 1..Len(consumer.applied) : i < j => consumer.applied[i].epoch <= consumer.applied[j].epoch

\* A consumer finds no gap where nothing was lost.
NoGap == consumer.halted # "gap"

Symmetry == Permutations(Relay \ LateRelay) \cup Permutations(LateRelay)
=============================================================================
