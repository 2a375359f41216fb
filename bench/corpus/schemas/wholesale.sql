-- Parts, suppliers and orders in the manner of TPC-H: uniform keys, dates that depend on each other, wide fact table.
-- section: tables
create table region (r_id int primary key, r_name text not null);
insert into region select i, (array['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'])[i] from generate_series(1, 5) i;
create table nation (n_id int primary key, n_name text not null, r_id int not null);
insert into nation select i, 'NATION ' || i, 1 + i % 5 from generate_series(1, 25) i;
create table supplier (s_id int primary key, s_name text not null, n_id int not null, s_balance numeric(12, 2) not null);
insert into supplier select i, 'Supplier#' || lpad(i::text, 9, '0'), 1 + floor(25 * random())::int, (random() * 11000 - 1000)::numeric(12, 2) from generate_series(1, {rows 800}) i;
create table customer (c_id int primary key, c_name text not null, n_id int not null, c_segment text not null, c_balance numeric(12, 2) not null, c_phone text not null);
insert into customer
select i, 'Customer#' || lpad(i::text, 9, '0'), 1 + floor(25 * random())::int,
       (array['AUTOMOBILE', 'BUILDING', 'FURNITURE', 'HOUSEHOLD', 'MACHINERY'])[1 + floor(5 * random())::int], (random() * 11000 - 1000)::numeric(12, 2),
       (10 + floor(25 * random())::int) || '-' || floor(1000000 * random())::int
from generate_series(1, {rows 12000}) i;
create table part (p_id int primary key, p_name text not null, p_brand text not null, p_type text not null, p_size int not null, p_container text not null, p_price numeric(12, 2) not null);
insert into part
select i, (array['almond', 'azure', 'blush', 'coral', 'forest', 'ivory'])[1 + floor(6 * random())::int] || ' ' || (array['lace', 'linen', 'mint', 'plum', 'rose'])[1 + floor(5 * random())::int],
       'Brand#' || b || floor(5 * random())::int, (array['STANDARD', 'SMALL', 'MEDIUM', 'LARGE', 'ECONOMY'])[b] || ' ' || (array['TIN', 'NICKEL', 'BRASS', 'STEEL'])[1 + floor(4 * random())::int],
       1 + floor(50 * random())::int, (array['SM BOX', 'LG CASE', 'MED BAG', 'JUMBO JAR'])[1 + floor(4 * random())::int], (900 + i % 1000)::numeric(12, 2)
from (select i, 1 + floor(5 * random())::int b from generate_series(1, {rows 16000}) i) drawn;
create table partsupp (p_id int not null, s_id int not null, ps_available int not null, ps_cost numeric(12, 2) not null, primary key (p_id, s_id));
insert into partsupp select p, 1 + (p * 7 + n * ({rows 800} / 4)) % {rows 800}, floor(10000 * random())::int, (random() * 1000)::numeric(12, 2)
from generate_series(1, {rows 16000}) p cross join generate_series(0, 3) n on conflict do nothing;
create table orders (o_id int primary key, c_id int not null, o_status text not null, o_total numeric(12, 2) not null, o_date date not null, o_priority text not null, o_clerk text not null);
insert into orders
select i, 1 + floor({rows 12000} * random())::int, case when d < 1200 then 'F' when d > 1290 then 'O' else 'P' end, (exp(7 + 5 * random()))::numeric(12, 2), date '1992-01-01' + d,
       (array['1-URGENT', '2-HIGH', '3-MEDIUM', '4-LOW', '5-NONE'])[1 + floor(5 * random())::int], 'Clerk#' || floor(1000 * random())::int
from (select i, floor(2405 * random())::int d from generate_series(1, {rows 120000}) i) drawn;
create table lineitem (o_id int not null, l_line int not null, p_id int not null, s_id int not null, l_quantity numeric(12, 2) not null, l_price numeric(12, 2) not null, l_discount numeric(4, 2) not null, l_returned text not null, l_shipped date not null, l_committed date not null, l_received date not null, l_mode text not null, primary key (o_id, l_line));
insert into lineitem
select o.o_id, n, 1 + floor({rows 16000} * random())::int, 1 + floor({rows 800} * random())::int, 1 + floor(50 * random())::int, (random() * 90000)::numeric(12, 2), (floor(11 * random()) / 100)::numeric(4, 2),
       case when o.o_date < date '1995-06-17' then (array['R', 'A'])[1 + floor(2 * random())::int] else 'N' end, o.o_date + ship, o.o_date + 30 + floor(60 * random())::int, o.o_date + ship + 1 + floor(30 * random())::int,
       (array['AIR', 'MAIL', 'RAIL', 'SHIP', 'TRUCK', 'FOB'])[1 + floor(6 * random())::int]
from (select o.*, n, 1 + floor(120 * random())::int ship from orders o cross join generate_series(1, 7) n where hashint4(o.o_id * 8 + n) % 7 >= n - 5) o;
-- section: indexes
create index on lineitem (p_id, s_id);
create index on lineitem (s_id);
create index on lineitem (l_shipped);
create index on orders (c_id);
create index on orders (o_date);
create index on customer (n_id);
create index on supplier (n_id);
create index on partsupp (s_id);
create index on part (p_brand, p_container);
-- section: joins
-- join: nation.r_id = region.r_id
-- join: supplier.n_id = nation.n_id
-- join: customer.n_id = nation.n_id
-- join: partsupp.p_id = part.p_id
-- join: partsupp.s_id = supplier.s_id
-- join: orders.c_id = customer.c_id
-- join: lineitem.o_id = orders.o_id
-- join: lineitem.p_id = part.p_id
-- join: lineitem.s_id = supplier.s_id
-- section: templates
-- template: pricing_summary
select l_returned, l_mode, sum(l_quantity), sum(l_price), sum(l_price * (1 - l_discount)), avg(l_discount), count(*)
from lineitem where l_shipped <= {below lineitem.l_shipped 0.05 0.95} group by 1, 2 order by 1, 2;
-- template: cheapest_supplier
select s.s_name, p.p_id from part p, supplier s, partsupp ps, nation n
where p.p_id = ps.p_id and s.s_id = ps.s_id and p.p_size = {part.p_size} and p.p_type like {prefix part.p_type 3} and s.n_id = n.n_id and n.r_id = {number 1 5}
  and ps.ps_cost = (select min(i.ps_cost) from partsupp i join supplier t on t.s_id = i.s_id join nation m on m.n_id = t.n_id where i.p_id = p.p_id and m.r_id = n.r_id)
order by s.s_balance desc limit 100;
-- template: shipping_priority
select l.o_id, sum(l.l_price * (1 - l.l_discount)) as revenue, o.o_date from customer c join orders o on o.c_id = c.c_id join lineitem l on l.o_id = o.o_id
where c.c_segment = {customer.c_segment} and o.o_date < {below orders.o_date 0.05 0.7} and l.l_shipped > {above lineitem.l_shipped 0.05 0.7} group by l.o_id, o.o_date order by revenue desc limit 10;
-- template: late_orders
select o_priority, count(*) from orders o where o_date between {range orders.o_date 0.01 0.2}
  and exists (select from lineitem l where l.o_id = o.o_id and l.l_committed < l.l_received) group by 1 order by 1;
-- template: local_volume
select n.n_name, sum(l.l_price * (1 - l.l_discount)) from customer c join orders o on o.c_id = c.c_id join lineitem l on l.o_id = o.o_id
  join supplier s on s.s_id = l.s_id and s.n_id = c.n_id join nation n on n.n_id = s.n_id join region r on r.r_id = n.r_id
where r.r_id = {number 1 5} and o.o_date between {range orders.o_date 0.02 0.3} group by 1 order by 2 desc;
-- template: forecast_revenue
select sum(l_price * l_discount) from lineitem where l_shipped between {range lineitem.l_shipped 0.02 0.3} and l_discount between 0.0{number 1 4} and 0.0{number 5 9} and l_quantity < {number 5 45};
-- template: small_quantity
select sum(l.l_price) / 7 from lineitem l join part p on p.p_id = l.p_id where p.p_brand = {part.p_brand} and p.p_container = {part.p_container}
  and l.l_quantity < (select 0.4 * avg(i.l_quantity) from lineitem i where i.p_id = p.p_id);
-- template: large_orders
select c.c_name, o.o_id, o.o_total, sum(l.l_quantity) from customer c join orders o on o.c_id = c.c_id join lineitem l on l.o_id = o.o_id
where o.o_id in (select o_id from lineitem group by o_id having sum(l_quantity) > {number 150 260}) group by 1, 2, 3 order by 3 desc limit 100;
-- template: orders_per_customer
select n, count(*) from (select c.c_id, count(o.o_id) as n from customer c left join orders o on o.c_id = c.c_id and o.o_clerk not like {prefix orders.o_clerk 7} group by 1) counted group by 1 order by 2 desc;
-- template: balance_without_orders
select substr(c_phone, 1, 2), count(*), sum(c_balance) from customer c where substr(c_phone, 1, 2) in ('13', '31', '23') and c_balance > (select avg(c_balance) from customer where c_balance > 0)
  and not exists (select from orders o where o.c_id = c.c_id and o.o_date > {above orders.o_date 0.05 0.9}) group by 1 order by 1;
