-- The business tables of all three services; each has them all, and uses its own.
create table orders (id text primary key, sku text, cents int, status text, filed boolean, stamped boolean, points text);
create table notes (customer text primary key, lines text);
create table receipts (id text primary key, receipt text);
create table files (id text primary key);
create table points (id text primary key, cents int);
create table stamps (id text primary key, receipt text);
create table reserved (id text primary key, sku text);
create table parcels (id text primary key);
create table boxes (id text primary key);
create table copies (id text primary key, cents int, version int);
