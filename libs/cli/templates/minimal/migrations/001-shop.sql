create table orders (id text primary key, cents int not null);
create table charges (id text primary key, cents int not null);
