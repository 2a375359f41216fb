-- A snowflake of sales facts: dimensions that have dimensions themselves, wide facts, months with more sales.
-- section: tables
create table calendar (day_id int primary key, day date not null, month_id int not null, weekday int not null, holiday boolean not null);
insert into calendar select i, date '2021-01-01' + i, 1 + i / 31, extract(isodow from date '2021-01-01' + i), i % 37 = 0 from generate_series(0, 1094) i;
create table months (month_id int primary key, name text not null, quarter_id int not null);
insert into months select i, 'M' || i, 1 + (i - 1) / 3 from generate_series(1, 36) i;
create table quarters (quarter_id int primary key, name text not null, year int not null);
insert into quarters select i, 'Q' || i, 2021 + (i - 1) / 4 from generate_series(1, 12) i;
create table cities (city_id int primary key, state_id int not null, name text not null, inhabitants int not null);
insert into cities select i, 1 + floor(40 * power(random(), 2))::int, 'city ' || left(md5(i::text), 10), (exp(8 + 7 * random() * random()))::int from generate_series(1, 900) i;
create table states (state_id int primary key, country text not null, name text not null);
insert into states select i, (array['AT', 'CH', 'DE', 'FR', 'IT'])[1 + i % 5], 'state ' || i from generate_series(1, 40) i;
create table stores (store_id int primary key, city_id int not null, format text not null, square_metres int not null);
insert into stores select i, 1 + floor(900 * power(random(), 3))::int, f, case f when 'mall' then 4000 + floor(5000 * random())::int else 100 + floor(900 * random())::int end
from (select i, (array['corner', 'market', 'mall'])[1 + floor(3 * power(random(), 2))::int] f from generate_series(1, {rows 1200}) i) drawn;
create table brands (brand_id int primary key, maker text not null, name text not null);
insert into brands select i, 'maker ' || i % 90, 'brand ' || left(md5(i::text), 8) from generate_series(1, 600) i;
create table items (item_id int primary key, brand_id int not null, class text not null, colour text not null, cost numeric(10, 2) not null);
insert into items select i, b, 'class ' || b % 25, (array['red', 'blue', 'green', 'grey', 'white', 'black'])[1 + floor(6 * power(random(), 2))::int], (b * random() / 5 + 1)::numeric(10, 2)
from (select i, 1 + floor(600 * power(random(), 3))::int b from generate_series(1, {rows 12000}) i) drawn;
create table shoppers (shopper_id int primary key, city_id int not null, age smallint not null, card text);
insert into shoppers select i, 1 + floor(900 * power(random(), 2))::int, 16 + floor(70 * random())::int, case when random() < 0.4 then (array['gold', 'silver', 'blue'])[1 + floor(3 * sqrt(random()))::int] end from generate_series(1, {rows 40000}) i;
create table sales (day_id int not null, store_id int not null, item_id int not null, shopper_id int, pieces int not null, net numeric(12, 2) not null, discount numeric(12, 2) not null, paid_by text not null);
insert into sales
select floor(1094 * (1 - power(random(), 1.4)))::int, 1 + floor({rows 1200} * power(random(), 2))::int, 1 + floor({rows 12000} * power(random(), 3))::int, case when random() < 0.7 then 1 + floor({rows 40000} * power(random(), 2))::int end,
       1 + floor(6 * power(random(), 3))::int, (exp(5 * random()))::numeric(12, 2), case when random() < 0.1 then (10 * random())::numeric(12, 2) else 0 end, (array['card', 'cash', 'voucher'])[1 + floor(3 * power(random(), 2))::int]
from generate_series(1, {rows 450000}) i;
create table stock (store_id int not null, item_id int not null, pieces int not null, primary key (store_id, item_id));
insert into stock select 1 + floor({rows 1200} * random())::int, 1 + floor({rows 12000} * power(random(), 2))::int, floor(100 * power(random(), 2))::int from generate_series(1, {rows 120000}) i on conflict do nothing;
-- section: indexes
create index on sales (day_id);
create index on sales (item_id);
create index on sales (store_id, day_id);
create index on sales (shopper_id) where shopper_id is not null;
create index on stock (item_id);
create index on items (brand_id);
create index on stores (city_id);
create index on shoppers (city_id);
create index on calendar (month_id);
-- section: joins
-- join: calendar.month_id = months.month_id
-- join: months.quarter_id = quarters.quarter_id
-- join: cities.state_id = states.state_id
-- join: stores.city_id = cities.city_id
-- join: items.brand_id = brands.brand_id
-- join: shoppers.city_id = cities.city_id
-- join: sales.day_id = calendar.day_id
-- join: sales.store_id = stores.store_id
-- join: sales.item_id = items.item_id
-- join: sales.shopper_id = shoppers.shopper_id
-- join: stock.store_id = stores.store_id
-- join: stock.item_id = items.item_id
-- section: templates
-- template: country_by_quarter
select s.country, q.name, sum(f.net) from sales f join calendar c using (day_id) join months m using (month_id) join quarters q using (quarter_id) join stores t using (store_id) join cities i using (city_id) join states s using (state_id)
where q.year = {number 2021 2023} and s.country in ({list states.country 2}) group by 1, 2 order by 1, 2;
-- template: year_against_year
select n.month_id % 12, sum(f.net) filter (where q.year = 2022), sum(f.net) filter (where q.year = 2023) from sales f join calendar c using (day_id) join months n using (month_id) join quarters q using (quarter_id)
where f.store_id = {sales.store_id} group by 1 order by 1;
-- template: one_day_one_store
select item_id, sum(pieces), sum(net) from sales where day_id = {sales.day_id} and store_id = {sales.store_id} group by 1 order by 3 desc;
-- template: holiday_effect
select t.format, c.holiday, avg(f.net) from sales f join calendar c using (day_id) join stores t using (store_id) where f.day_id between {range sales.day_id 0.01 0.4} group by cube (1, 2);
-- template: makers_of_city
select b.maker, count(*) from brands b join items i using (brand_id) join sales f using (item_id) join stores t using (store_id) where t.city_id = {stores.city_id} group by 1 order by 2 desc limit 20;
-- template: loyal_shoppers
select h.shopper_id, h.card, count(distinct f.store_id), sum(f.net) from shoppers h join sales f using (shopper_id) where h.card = {pick 'gold'|'silver'|'blue'} and h.age between {range shoppers.age 0.02 0.6} group by 1, 2 having count(*) > {number 2 30} order by 4 desc limit 100;
-- template: out_of_stock_but_sold
select k.store_id, k.item_id from stock k where k.pieces < {number 1 20} and exists (select from sales f where f.store_id = k.store_id and f.item_id = k.item_id and f.day_id > {above sales.day_id 0.01 0.3});
-- template: share_of_class
select i.class, sum(f.net), sum(f.net) / sum(sum(f.net)) over () from sales f join items i using (item_id) where f.day_id between {range sales.day_id 0.005 0.3} group by 1 order by 2 desc;
