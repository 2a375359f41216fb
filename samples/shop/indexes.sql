-- Keys and indexes. Every index here is used by the traffic or keeps a key, but for the two that are planted: one that
-- repeats the start of another, and one that nobody asks for.

-- step: keys
alter table {countries} add primary key ({countries.id});
alter table {categories} add primary key ({categories.id});
alter table {stores} add primary key ({stores.id});
alter table {suppliers} add primary key ({suppliers.id});
alter table {products} add primary key ({products.id});
alter table {customers} add primary key ({customers.id});
alter table {addresses} add primary key ({addresses.id});
alter table {orders} add primary key ({orders.id});
alter table {orders} alter column {orders.id} restart with {next:orders};
alter table {sessions} add primary key ({sessions.token});
alter table {clicks} add primary key ({clicks.id});
alter table {daily_sales} add primary key ({daily_sales.day}, {daily_sales.store_id});

-- step: more keys
alter table {order_lines} add primary key ({order_lines.id});
alter table {payments} add primary key ({payments.id});
alter table {shipments} add primary key ({shipments.id});
alter table {reviews} add primary key ({reviews.id});
alter table {events} add primary key ({events.id});
alter table {stock} add primary key ({stock.id});
alter table {quotes} add primary key ({quotes.id});

-- step: indexes
create index {products}_category on {products} ({products.category_id});
create index {products}_supplier on {products} ({products.supplier_id});
create index {products}_line on {products} ({products.line});
create index {orders}_customer on {orders} ({orders.customer_id});
create index {orders}_customer_time on {orders} ({orders.customer_id}, {orders.placed_at});
create index {order_lines}_order on {order_lines} ({order_lines.order_id});
create index {order_lines}_product on {order_lines} ({order_lines.product_id});
create index {payments}_order on {payments} ({payments.order_id});
create index {payments}_time on {payments} ({payments.paid_at});
create index {reviews}_product_time on {reviews} ({reviews.product_id}, {reviews.created_at});
create index {stock}_warehouse on {stock} ({stock.warehouse_id});
create index {quotes}_product on {quotes} ({quotes.product_id});
create index {customers}_born on {customers} ({customers.born_on});

-- step: foreign keys
alter table {products} add foreign key ({products.category_id}) references {categories};
alter table {products} add foreign key ({products.supplier_id}) references {suppliers};
alter table {addresses} add foreign key ({addresses.customer_id}) references {customers};
alter table {orders} add foreign key ({orders.customer_id}) references {customers};
alter table {order_lines} add foreign key ({order_lines.order_id}) references {orders};
alter table {order_lines} add foreign key ({order_lines.product_id}) references {products};
alter table {payments} add foreign key ({payments.order_id}) references {orders};
