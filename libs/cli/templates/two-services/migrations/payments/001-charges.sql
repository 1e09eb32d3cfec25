create table charges (id text primary key, cents int not null);
