create table orders (id text primary key, cents int not null);
