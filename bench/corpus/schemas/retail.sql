-- A star around till receipts: one very wide fact table without a key, small dimensions, columns that follow each other.
-- section: tables
create table tills (id int primary key, shop int not null, kind text not null, software text not null);
insert into tills select i, 1 + i / 6, case when i % 6 < 2 then 'self' else 'staffed' end, 'v' || 3 + i % 4 from generate_series(1, 600) i;
create table cashiers (id int primary key, shop int not null, name text not null, hired date not null);
insert into cashiers select i, 1 + i / 12, 'cashier ' || md5(i::text), date '2010-01-01' + floor(5000 * sqrt(random()))::int from generate_series(1, 1200) i;
create table goods (id int primary key, department text not null, family text not null, label text not null, tax smallint not null, weight real);
insert into goods
select i, 'dep ' || d, 'fam ' || d || '-' || floor(12 * power(random(), 2))::int, 'good ' || left(md5(i::text), 12), case when d < 6 then 7 else 19 end, case when d < 8 then random() * 5 end
from (select i, 1 + floor(20 * power(random(), 2))::int d from generate_series(1, {rows 8000}) i) drawn;
create table promotions (id int primary key, good_id int not null, starts date not null, ends date not null, percent smallint not null);
insert into promotions select i, 1 + floor({rows 8000} * power(random(), 2))::int, s, s + 7 + floor(20 * random())::int, 5 * (1 + floor(8 * power(random(), 2)))::int
from (select i, date '2024-01-01' + floor(180 * random())::int s from generate_series(1, {rows 3000}) i) drawn;
create table receipts (receipt bigint not null, line smallint not null, sold timestamp not null, sold_on date not null, till_id int not null, cashier_id int, good_id int not null, quantity numeric(8, 3) not null, price numeric(10, 2) not null, reduced numeric(10, 2) not null, promotion_id int, customer_card text, payment text not null, remark text);
insert into receipts
select i / 4, i % 4, s, s::date, 1 + ((i / 4) * 7919::bigint) % 600, case when ((i / 4) * 7919::bigint) % 600 % 6 >= 2 then 1 + ((i / 4) * 104729::bigint) % 1200 end, 1 + floor({rows 8000} * power(random(), 3))::int, (1 + floor(5 * power(random(), 4)))::numeric(8, 3),
       (exp(4 * random()))::numeric(10, 2), 0, case when random() < 0.12 then 1 + floor({rows 3000} * random())::int end, case when (i / 4) % 5 < 2 then 'K' || ((i / 4) * 31) % {rows 20000} end, (array['card', 'cash', 'phone'])[1 + floor(3 * power(random(), 2))::int],
       case when random() < 0.03 then repeat('remark ' || md5(i::text), 4) end
from (select i, timestamp '2024-01-01' + (i / 4) * interval '180 days' / ({rows 400000} / 4) s from generate_series(0, {rows 400000}) i) drawn;
-- section: indexes
create index on receipts (sold_on, till_id);
create index on receipts (good_id);
create index on receipts (customer_card) where customer_card is not null;
create index on receipts (receipt);
create index on receipts (cashier_id);
create index on promotions (good_id, starts);
create index on goods (department, family);
-- section: joins
-- join: promotions.good_id = goods.id
-- join: receipts.till_id = tills.id
-- join: receipts.cashier_id = cashiers.id
-- join: receipts.good_id = goods.id
-- join: receipts.promotion_id = promotions.id
-- section: templates
-- template: day_of_shop
select t.shop, count(distinct r.receipt), sum(r.price * r.quantity) from receipts r join tills t on t.id = r.till_id where r.sold_on = {receipts.sold_on} and t.shop = {tills.shop} group by 1;
-- template: same_day_twice_said
select sum(price) from receipts where sold_on = {receipts.sold_on} and sold between {range receipts.sold 0.001 0.1};
-- template: basket_size
select n, count(*) from (select receipt, count(*) n from receipts where sold_on between {range receipts.sold_on 0.005 0.4} group by 1) b group by 1 order by 1;
-- template: department_and_family
select g.family, sum(r.price) from goods g join receipts r on r.good_id = g.id where g.department = {goods.department} and g.family = {goods.family} group by 1;
-- template: effect_of_promotion
select p.id, sum(r.quantity) filter (where r.sold_on between p.starts and p.ends), sum(r.quantity) filter (where r.sold_on between p.starts - 14 and p.starts) from promotions p join receipts r on r.good_id = p.good_id
where p.percent >= {pick 10|20|30|40} and p.starts between {range promotions.starts 0.01 0.1} group by 1;
-- template: card_holder
select * from receipts where customer_card = {receipts.customer_card} order by sold desc limit {pick 20|200};
-- template: self_checkout
select date_trunc('week', r.sold_on), t.kind, avg(r.price) from receipts r join tills t on t.id = r.till_id where t.software = {tills.software} and t.kind = {tills.kind} group by 1, 2 order by 1;
-- template: ranked_goods
select * from (select g.department, g.label, sum(r.price) s, rank() over (partition by g.department order by sum(r.price) desc) k from receipts r join goods g on g.id = r.good_id where r.sold_on between {range receipts.sold_on 0.005 0.3} group by 1, 2) x where k <= {number 1 10};
-- template: remarks
select * from receipts where remark like {part receipts.remark};
