-- The traffic. One block a statement:
--   statement: name          its name in the truth
--   healthy                  nothing should be advised for it
--   rate: n                  times a second at pace 1 and full load
--   $n: template             a parameter; [generator …] is replaced for each call:
--                              [key table] a row's number, [hot table] the same with favourites, [number a b],
--                              [pick texts], [days a b] a time between a and b days before the shop's "now",
--                              [same n days d] the time of parameter n plus d days, [wrap n m …] parameter n modulo m
--                              (then modulo the next) plus 1
--   follows: name column c   once for each row that the named statement returned, $1 being column c
--   repeat: n                n times in a row, as a loop does
--   list: a b template       [list] stands for a to b such values
--   send: literals           the list's values are written into the text
--   when: hh:mm              once a day, at that time (UTC)

-- Missing indexes ------------------------------------------------------------------------------------------------

-- statement: login_by_email
-- rate: 2
-- $1: {word:handles}[key customers]@{word:domains}
select {customers.id}, {customers.name}, {customers.segment} from {customers} where {customers.email} = $1;

-- statement: payment_by_reference
-- rate: 1.6
-- $1: {word:references}-[key payments]
select {payments.id}, {payments.order_id}, {payments.amount} from {payments} where {payments.reference} = $1;

-- statement: addresses_of_customer
-- rate: 1.6
-- $1: [key customers]
select {addresses.street}, {addresses.city}, {addresses.postcode} from {addresses} where {addresses.customer_id} = $1;

-- statement: latest_orders_of_store
-- rate: 1.2
-- $1: [key stores]
select {orders.id}, {orders.placed_at}, {orders.total}, {orders.status}
from {orders} where {orders.store_id} = $1 order by {orders.placed_at} desc limit 20;

-- statement: campaign_window
-- rate: 1.2
-- $1: [number 1 300]
-- $2: [days 2 110]
-- $3: [same 2 days 0.5]
select {events.visitor}, {events.kind}, {events.duration}
from {events} where {events.campaign_id} = $1 and {events.occurred_at} >= $2 and {events.occurred_at} < $3;

-- statement: parcels_in_depot
-- rate: 1.6
-- $1: [number 1 40]
-- $2: [number 1 60]
select {shipments.id}, {shipments.tracking}, {shipments.weight}
from {shipments} where {shipments.carrier} = $1 and {shipments.depot} = $2;

-- statement: waiting_orders
-- rate: 1.2
select {orders.id}, {orders.customer_id}, {orders.placed_at}
from {orders} where {orders.shipped_at} is null order by {orders.placed_at} limit 50;

-- statement: customer_by_nickname
-- rate: 0.8
-- $1: {word:handles}[key customers]
select {customers.id}, {customers.nickname}, {customers.points} from {customers} where lower({customers.nickname}) = lower($1);

-- statement: sold_pieces
-- rate: 6
-- $1: [hot products]
select sum({order_lines.quantity}) from {order_lines} where {order_lines.product_id} = $1;

-- statement: products_by_attributes
-- rate: 1.2
-- $1: {"colour": "[pick colours]", "batch": [number 1 500]}
select {products.id}, {products.name}, {products.price} from {products} where {products.attributes} @> $1::jsonb;

-- statement: products_by_tag
-- rate: 1
-- $1: lot[number 1 700]
select {products.id}, {products.name}, {products.price} from {products} where {products.tags} @> array[$1::text];

-- Statements that should be written otherwise ------------------------------------------------------------------------

-- statement: line_stock
-- rate: 0.4
-- $1: [number 1 120]
-- $2: [wrap 1 40]
-- $3: [wrap 1 40 25]
select p.{products.sku}, p.{products.name}, s.{stock.quantity}, s.{stock.counted_at}
from {products} p
join {stock} s on s.{stock.product_id} = p.{products.id} and s.{stock.warehouse_id} = p.{products.warehouse_id}
where p.{products.line} = $1 and p.{products.brand} = $2 and p.{products.made_in} = $3;

-- statement: quotes_below_average
-- rate: 1.5
select q.{quotes.id}, q.{quotes.supplier_id}, q.{quotes.price}
from {quotes} q
where q.{quotes.price} < (select avg(r.{quotes.price}) from {quotes} r where r.{quotes.product_id} = q.{quotes.product_id}) * 0.4;

-- statement: never_sold
-- rate: 0.15
-- $1: [key suppliers]
select {products.id}, {products.sku}, {products.name}
from {products}
where {products.supplier_id} = $1 and {products.id} not in (select {order_lines.product_id} from {order_lines});

-- statement: moderation_page
-- healthy
-- rate: 0.5
-- $1: [key reviews]
select {reviews.id}, {reviews.customer_id}, {reviews.rating}, {reviews.title}
from {reviews} where {reviews.id} > $1 order by {reviews.id} limit 25;

-- statement: author_of_review
-- follows: moderation_page column 2
select {customers.name}, {customers.segment}, {customers.points} from {customers} where {customers.id} = $1;

-- statement: basket_products
-- rate: 3
-- list: 2 16 [key products]
-- send: literals
select {products.id}, {products.name}, {products.price} from {products} where {products.id} in ([list]);

-- statement: order_states
-- rate: 2
-- list: 2 12 [key orders]
select {orders.id}, {orders.status}, {orders.shipped_at} from {orders} where {orders.id} in ([list]);

-- Parameters -----------------------------------------------------------------------------------------------------------

-- statement: review_digest
-- rate: 0.4
select sum(length(t.{reviews.body})), max(t.{reviews.title})
from (select {reviews.body}, {reviews.title} from {reviews} order by ({reviews.id} * 7919) % 100003 limit 6000) t;

-- statement: turnover_check
-- healthy
-- rate: 0.08
select sum(l.{order_lines.quantity} * l.{order_lines.unit_price}), sum(o.{orders.total}), sum(o.{orders.discount}), max(o.{orders.placed_at})
from {order_lines} l join {orders} o on o.{orders.id} = l.{order_lines.order_id};

-- statement: whole_catalogue
-- rate: 0.4
select {products.id}, {products.sku}, {products.name}, {products.price} from {products};

-- statement: log_click
-- rate: 0.5
-- repeat: 40
-- $1: [number 1 50000]
-- $2: [pick nouns]
insert into {clicks} ({clicks.visitor}, {clicks.target}, {clicks.clicked_at}) values ($1, $2, now());

-- Patterns in time -------------------------------------------------------------------------------------------------------

-- statement: close_the_day
-- when: 02:30
-- $1: [days 0 30]
-- $2: [same 1 days 1]
insert into {daily_sales} ({daily_sales.day}, {daily_sales.store_id}, {daily_sales.revenue}, {daily_sales.orders})
select {orders.placed_at}::date, {orders.store_id}, sum({orders.total}), count(*)
from {orders} where {orders.placed_at} >= $1 and {orders.placed_at} < $2
group by 1, 2
on conflict ({daily_sales.day}, {daily_sales.store_id}) do update
set {daily_sales.revenue} = excluded.{daily_sales.revenue}, {daily_sales.orders} = excluded.{daily_sales.orders};

-- Healthy statements -------------------------------------------------------------------------------------------------------

-- statement: product_card
-- healthy
-- rate: 5
-- $1: [hot products]
select {products.sku}, {products.name}, {products.price}, {products.on_hand} from {products} where {products.id} = $1;

-- statement: orders_of_customer
-- healthy
-- rate: 3
-- $1: [hot customers]
select {orders.id}, {orders.status}, {orders.placed_at}, {orders.total}
from {orders} where {orders.customer_id} = $1 order by {orders.placed_at} desc limit 10;

-- statement: order_count
-- healthy
-- rate: 2
-- $1: [hot customers]
select count(*) from {orders} where {orders.customer_id} = $1;

-- statement: lines_of_order
-- healthy
-- rate: 3
-- $1: [key orders]
select l.{order_lines.id}, l.{order_lines.quantity}, l.{order_lines.unit_price}, p.{products.sku}, p.{products.name}
from {order_lines} l join {products} p on p.{products.id} = l.{order_lines.product_id} where l.{order_lines.order_id} = $1;

-- statement: order_card
-- healthy
-- rate: 2
-- $1: [key orders]
select o.{orders.status}, o.{orders.total}, c.{customers.name}, c.{customers.segment}, s.{stores.name}, s.{stores.opened_on}
from {orders} o
join {customers} c on c.{customers.id} = o.{orders.customer_id}
join {stores} s on s.{stores.id} = o.{orders.store_id}
where o.{orders.id} = $1;

-- statement: country_list
-- healthy
-- rate: 1
select {countries.id}, {countries.code}, {countries.name} from {countries} order by {countries.name};

-- statement: category_tree
-- healthy
-- rate: 1
select c.{categories.id}, c.{categories.name}, c.{categories.position}, p.{categories.name}, p.{categories.position}
from {categories} c join {categories} p on p.{categories.id} = c.{categories.parent_id} order by p.{categories.position}, c.{categories.position};

-- statement: stores_of_country
-- healthy
-- rate: 1
-- $1: [key countries]
select {stores.id}, {stores.name}, {stores.opened_on} from {stores} where {stores.country_id} = $1;

-- statement: category_page
-- healthy
-- rate: 2
-- $1: [key categories]
select {products.id}, {products.name}, {products.price}, {products.on_hand} from {products} where {products.category_id} = $1;

-- statement: reviews_of_product
-- healthy
-- rate: 2
-- $1: [key products]
select {reviews.rating}, {reviews.title}, {reviews.body}, {reviews.created_at}
from {reviews} where {reviews.product_id} = $1 order by {reviews.created_at} desc limit 10;

-- statement: payments_of_order
-- healthy
-- rate: 2
-- $1: [key orders]
select {payments.amount}, {payments.method}, {payments.paid_at} from {payments} where {payments.order_id} = $1;

-- statement: is_paid
-- healthy
-- rate: 2
-- $1: [key orders]
select exists (select 1 from {payments} where {payments.order_id} = $1);

-- statement: payments_between
-- healthy
-- rate: 1
-- $1: [days 2 700]
-- $2: [same 1 days 1]
select {payments.id}, {payments.order_id}, {payments.amount}, {payments.method}
from {payments} where {payments.paid_at} >= $1 and {payments.paid_at} < $2 order by {payments.paid_at} limit 50;

-- statement: customer_page
-- healthy
-- rate: 0.5
-- $1: [key customers]
select {customers.id}, {customers.name}, {customers.segment}, {customers.points}
from {customers} where {customers.id} > $1 order by {customers.id} limit 50;

-- statement: compare_three
-- healthy
-- rate: 1
-- $1: [key products]
-- $2: [key products]
-- $3: [key products]
select {products.id}, {products.name}, {products.price}, {products.on_hand} from {products} where {products.id} in ($1, $2, $3);

-- statement: sales_by_store
-- healthy
-- rate: 0.3
select {daily_sales.store_id}, sum({daily_sales.revenue}), sum({daily_sales.orders}), max({daily_sales.day})
from {daily_sales} group by {daily_sales.store_id};

-- statement: session_of
-- healthy
-- rate: 4
-- $1: S[key sessions]
select {sessions.customer_id}, {sessions.seen_at}, {sessions.payload} from {sessions} where {sessions.token} = $1;

-- statement: touch_session
-- healthy
-- rate: 3
-- $1: S[key sessions]
-- $2: [key customers]
insert into {sessions} ({sessions.token}, {sessions.customer_id}, {sessions.seen_at}, {sessions.payload})
values ($1, $2, now(), 'fresh')
on conflict ({sessions.token}) do update set {sessions.seen_at} = excluded.{sessions.seen_at};

-- statement: take_from_stock
-- healthy
-- rate: 1
-- $1: [hot products]
update {products} set {products.on_hand} = greatest({products.on_hand} - 1, 0) where {products.id} = $1;

-- statement: place_order
-- healthy
-- rate: 0.5
-- $1: [key customers]
-- $2: [key stores]
-- $3: [number 5 400]
insert into {orders} ({orders.customer_id}, {orders.store_id}, {orders.status}, {orders.channel}, {orders.placed_at}, {orders.shipped_at}, {orders.total}, {orders.discount})
values ($1, $2, '{word:statuses}', '{word:channels}', now(), now(), $3, 0) returning {orders.id};

-- statement: parcel_card
-- healthy
-- rate: 1
-- $1: [key shipments]
select {shipments.carrier}, {shipments.tracking}, {shipments.weight} from {shipments} where {shipments.id} = $1;

-- statement: trim_clicks
-- healthy
-- rate: 0.02
delete from {clicks} where {clicks.id} <= (select max({clicks.id}) from {clicks}) - 100000;
