-- A shop: customers with favourites, orders whose status follows from their age, prices that depend on the category.
-- section: tables
create table countries (id int primary key, code text not null, region text not null);
insert into countries select i, 'C' || i, (array['north', 'south', 'east', 'west'])[1 + i % 4] from generate_series(1, 60) i;
create table categories (id int primary key, parent_id int, name text not null);
insert into categories select i, nullif(i / 8, 0), 'category ' || md5(i::text) from generate_series(1, 200) i;
create table suppliers (id int primary key, country_id int not null, name text not null, rating int not null);
insert into suppliers
select i, 1 + floor(60 * power(random(), 3))::int, 'supplier ' || md5(i::text), 1 + floor(5 * sqrt(random()))::int
from generate_series(1, {rows 2000}) i;
create table products (id int primary key, category_id int not null, supplier_id int not null, title text not null, price numeric(10, 2) not null, discontinued boolean not null);
insert into products
select i, c, 1 + floor({rows 2000} * power(random(), 2))::int,
       (array['red', 'green', 'blue', 'black', 'white'])[1 + floor(5 * power(random(), 2))::int] || ' ' ||
       (array['chair', 'table', 'lamp', 'shelf', 'sofa', 'bed'])[1 + c % 6] || ' ' || left(md5(i::text), 6),
       (5 + c * power(random(), 2) * 4)::numeric(10, 2), random() < 0.07
from (select i, 1 + floor(200 * power(random(), 2))::int c from generate_series(1, {rows 15000}) i) drawn;
create table customers (id int primary key, country_id int not null, segment text not null, email text not null, joined date not null, points int not null);
insert into customers
select i, k, case when k < 5 then 'retail' when random() < 0.3 then 'wholesale' else 'online' end,
       left(md5(i::text), 8) || '@' || (array['post', 'mail', 'web'])[1 + k % 3] || '.example',
       date '2015-01-01' + (i * 3650.0 / {rows 50000})::int, (1000 * power(random(), 6))::int
from (select i, 1 + floor(60 * power(random(), 4))::int k from generate_series(1, {rows 50000}) i) drawn;
create table orders (id int primary key, customer_id int not null, placed_at timestamp not null, status text not null, channel text not null, total numeric(12, 2) not null);
insert into orders
select i, 1 + floor({rows 50000} * power(random(), 3))::int, timestamp '2022-01-01' + i * interval '900 days' / {rows 250000},
       case when i > {rows 240000} then 'open' when random() < 0.04 then 'cancelled' when i > {rows 220000} then 'sent' else 'done' end,
       (array['web', 'phone', 'store'])[1 + floor(3 * power(random(), 3))::int], (exp(2 + 4 * random() * random()))::numeric(12, 2)
from generate_series(1, {rows 250000}) i;
create table order_lines (order_id int not null, line int not null, product_id int not null, quantity int not null, price numeric(10, 2) not null, primary key (order_id, line));
insert into order_lines
select o, n, 1 + floor({rows 15000} * power(random(), 3))::int, 1 + floor(8 * power(random(), 4))::int, (random() * 200)::numeric(10, 2)
from generate_series(1, {rows 250000}) o cross join generate_series(1, 3) n where n = 1 or hashint4(o * 4 + n) % 3 = 0;
create table reviews (id int primary key, product_id int not null, customer_id int not null, stars int not null, body text not null, written date not null);
insert into reviews
select i, 1 + floor({rows 15000} * power(random(), 4))::int, 1 + floor({rows 50000} * random())::int, 1 + floor(5 * sqrt(random()))::int,
       repeat(md5(i::text) || ' good bad fine ', 1 + floor(6 * random())::int), date '2022-01-01' + floor(900 * sqrt(random()))::int
from generate_series(1, {rows 40000}) i;
-- section: indexes
create index on orders (customer_id);
create index on orders (placed_at);
create index on orders (status) where status <> 'done';
create index on order_lines (product_id);
create index on products (category_id, price);
create index on products (supplier_id);
create index on customers (country_id, segment);
create unique index on customers (email);
create index on reviews (product_id, written);
create index on reviews (customer_id);
-- section: joins
-- join: suppliers.country_id = countries.id
-- join: products.category_id = categories.id
-- join: products.supplier_id = suppliers.id
-- join: customers.country_id = countries.id
-- join: orders.customer_id = customers.id
-- join: order_lines.order_id = orders.id
-- join: order_lines.product_id = products.id
-- join: reviews.product_id = products.id
-- join: reviews.customer_id = customers.id
-- section: templates
-- template: customer_by_mail
select * from customers where email = {customers.email};
-- template: mail_in_any_case
select id from customers where lower(email) = {customers.email};
-- template: orders_of_customer
select * from orders where customer_id = {orders.customer_id} order by placed_at desc limit 20;
-- template: open_orders_with_lines
select o.id, o.total, count(*) from orders o join order_lines l on l.order_id = o.id
where o.status = {orders.status} and o.placed_at >= {above orders.placed_at 0.01 0.3} group by o.id order by o.total desc limit {pick 10|100|1000};
-- template: revenue_by_region
select c.region, date_trunc('month', o.placed_at), sum(l.quantity * l.price)
from countries c join customers k on k.country_id = c.id join orders o on o.customer_id = k.id join order_lines l on l.order_id = o.id
where o.placed_at between {range orders.placed_at 0.01 0.4} and k.segment = {customers.segment} group by 1, 2 order by 1, 2;
-- template: bought_together
select other.product_id, count(*) from order_lines l join order_lines other on other.order_id = l.order_id and other.product_id <> l.product_id
where l.product_id = {order_lines.product_id} group by 1 order by 2 desc limit 10;
-- template: never_reviewed
select p.id, p.title from products p where p.category_id = {products.category_id} and p.id not in (select product_id from reviews where stars >= {number 1 5});
-- template: category_tree
with recursive below as (select id from categories where id = {any categories.id} union all select c.id from categories c join below b on c.parent_id = b.id)
select count(*), avg(price) from products where category_id in (select id from below);
