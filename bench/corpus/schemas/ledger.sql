-- A bank's ledger: double entry, balances, few accounts with most of the bookings, amounts that depend on the kind.
-- section: tables
create table branches (id int primary key, city text not null, opened date not null);
insert into branches select i, (array['Aachen', 'Berlin', 'Chemnitz', 'Dresden', 'Essen', 'Fulda'])[1 + i % 6], date '1980-01-01' + i * 60 from generate_series(1, 120) i;
create table holders (id int primary key, branch_id int not null, name text not null, born date not null, risk smallint not null);
insert into holders
select i, 1 + floor(120 * power(random(), 3))::int, 'holder ' || md5(i::text), date '1940-01-01' + floor(25000 * random())::int, floor(6 * power(random(), 4))::smallint
from generate_series(1, {rows 30000}) i;
create table accounts (id int primary key, holder_id int not null, kind text not null, currency text not null, balance numeric(14, 2) not null, closed date);
insert into accounts
select i, 1 + floor({rows 30000} * power(random(), 1.5))::int, k, case when random() < 0.9 then 'EUR' else (array['USD', 'CHF', 'GBP'])[1 + floor(3 * random())::int] end,
       case k when 'loan' then -random() * 200000 when 'savings' then random() * 60000 else (random() - 0.1) * 4000 end::numeric(14, 2), case when random() < 0.08 then date '2023-01-01' + floor(500 * random())::int end
from (select i, (array['current', 'savings', 'loan', 'depot'])[1 + floor(4 * power(random(), 2))::int] k from generate_series(1, {rows 45000}) i) drawn;
create table transfers (id int primary key, kind text not null, booked timestamp not null, reference text not null, reversed boolean not null);
insert into transfers
select i, (array['card', 'direct debit', 'salary', 'standing order', 'fee', 'interest'])[1 + floor(6 * power(random(), 2))::int], timestamp '2023-01-01' + i * interval '540 days' / {rows 160000},
       'REF' || lpad(floor(1000000 * power(random(), 2))::text, 7, '0'), random() < 0.005
from generate_series(1, {rows 160000}) i;
create table entries (transfer_id int not null, side smallint not null, account_id int not null, amount numeric(14, 2) not null, primary key (transfer_id, side));
insert into entries
select t.id, side, case when side = 2 and t.kind = 'fee' then 1 else 1 + floor({rows 45000} * power(random(), case when side = 1 then 2 else 4 end))::int end,
       (case side when 1 then -1 else 1 end * case t.kind when 'salary' then 1500 + 2000 * random() when 'fee' then 5 else exp(5 * random()) end)::numeric(14, 2)
from transfers t cross join generate_series(1, 2) side;
create table cards (id int primary key, account_id int not null, expires date not null, blocked boolean not null);
insert into cards select i, 1 + floor({rows 45000} * random())::int, date '2024-01-01' + floor(1400 * random())::int, random() < 0.03 from generate_series(1, {rows 40000}) i;
-- section: indexes
create index on entries (account_id);
create index on transfers (booked);
create index on transfers (reference);
create index on transfers (kind, booked);
create index on accounts (holder_id);
create index on holders (branch_id);
create index on cards (account_id);
create index on cards (expires) where not blocked;
-- section: joins
-- join: holders.branch_id = branches.id
-- join: accounts.holder_id = holders.id
-- join: entries.transfer_id = transfers.id
-- join: entries.account_id = accounts.id
-- join: cards.account_id = accounts.id
-- section: templates
-- template: statement_of_account
select t.booked, t.kind, e.amount, sum(e.amount) over (order by t.booked) from entries e join transfers t on t.id = e.transfer_id
where e.account_id = {entries.account_id} and t.booked >= {above transfers.booked 0.02 0.9} order by t.booked;
-- template: balance_of_holder
select h.name, sum(a.balance) from holders h join accounts a on a.holder_id = h.id where h.id = {holders.id} group by h.name;
-- template: unbalanced
select transfer_id from entries where transfer_id between {range entries.transfer_id 0.002 0.5} group by 1 having abs(sum(amount)) > {number 1 500};
-- template: both_sides
select c.account_id, d.account_id, c.amount from entries c join entries d on d.transfer_id = c.transfer_id and d.side = 2
where c.side = 1 and c.account_id = {entries.account_id} order by c.amount limit 50;
-- template: large_by_branch
select b.city, t.kind, count(*), max(e.amount) from branches b join holders h on h.branch_id = b.id join accounts a on a.holder_id = h.id join entries e on e.account_id = a.id join transfers t on t.id = e.transfer_id
where t.booked between {range transfers.booked 0.005 0.3} and e.amount > {log 10 4000} group by 1, 2 order by 4 desc;
-- template: round_trips
select count(*) from entries a join entries b on b.account_id = a.account_id and b.amount = -a.amount and b.transfer_id > a.transfer_id
where a.transfer_id between {range entries.transfer_id 0.0005 0.02};
-- template: dormant
select a.id, a.balance from accounts a where a.closed is null and a.kind = {accounts.kind} and not exists (select from entries e join transfers t on t.id = e.transfer_id where e.account_id = a.id and t.booked > {above transfers.booked 0.02 0.6});
-- template: book_interest
update accounts set balance = balance * 1.0001 where kind = {accounts.kind} and balance between {range accounts.balance 0.002 0.05};
-- template: reference_or_number
select * from transfers where reference = {transfers.reference} or id = {any transfers.id};
-- template: busiest_accounts
select account_id, count(*), sum(amount) from entries group by 1 order by 2 desc limit {pick 10|100};
